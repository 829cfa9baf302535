"""How much of the truth an agent knows: its choices and its values, measured against the exact solution.

Positions and labels come from the suite: see `pylos.truth.suite`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric, MeanSquaredError, Metric
from torchmetrics.classification import BinaryCalibrationError

from pylos.truth.batches import LabelledBatch
from pylos.truth.suite import STRATA

BASELINE = "A uniformly random choice scores about 0.5."
"""The yardstick below every table."""


class KeptShare(Metric):
    """The share of choices that keep the exact value, by stratum; S is the number of strata."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    scores: Tensor
    """float32 [S] the sum of all scores."""
    counts: Tensor
    """int64 [S] how many choices there were."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("scores", torch.zeros(len(STRATA)), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(len(STRATA), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, scores: Tensor, strata: Tensor) -> None:
        """Adds choices.

        Args:
            scores: [B] whether each choice keeps the value, or how likely it does.
            strata: int64 [B] numbers into `STRATA`.
        """
        members = nn.functional.one_hot(strata, len(STRATA))
        self.counts += members.sum(0)
        self.scores += (members * scores[:, None].float()).sum(0)

    def compute(self) -> tuple[Tensor, Tensor]:
        """The shares and counts on all ranks: for each stratum, and behind them for all strata together.

        Returns:
            float32 [S + 1] shares, NaN where there were no choices, and int64 [S + 1] how many choices there were.
        """
        scores = torch.cat([self.scores, self.scores.sum(0, keepdim=True)])
        counts = torch.cat([self.counts, self.counts.sum(0, keepdim=True)])
        return scores / counts, counts


@dataclass(frozen=True)
class TruthResult:
    """What a validation found.

    Lists have an entry for each stratum, and behind them one for all strata. Without positions a share is NaN.
    """

    simulations: int
    """Simulations of `search`, per decision."""
    positions: list[int]
    """How many positions there are."""
    uniform: list[float]
    """How often a uniformly random legal action keeps the exact value."""
    policy: list[float]
    """How often the likeliest legal action of the bare policy does."""
    search: list[float] | None
    """How often the action that the search plays does; None without simulations."""
    value_error: float
    """Mean squared error of the value head against 1, 0, -1."""
    sign_accuracy: float
    """Share of won and lost positions whose value has the right sign."""
    calibration_error: float
    """How far the predicted chance to win, (1 + value) / 2, is from the share of wins, in won and lost positions.

    This is the expected calibration error (Guo et al., 2017, section 2) with 15 bins.
    """

    def metrics(self) -> dict[str, float]:
        """The numbers by the names under which they are logged, without those that are NaN."""
        named = {
            "uniform_accuracy": self.uniform[-1],
            "value_error": self.value_error,
            "sign_accuracy": self.sign_accuracy,
            "calibration_error": self.calibration_error,
        }
        for name, shares in (("policy", self.policy), ("search", self.search)):
            for stratum, share in zip(("", *STRATA), np.roll(shares, 1) if shares else [], strict=False):
                named[f"{name}_accuracy_{stratum}".rstrip("_")] = float(share)
        return {f"truth/{name}": value for name, value in named.items() if not np.isnan(value)}

    def __str__(self) -> str:
        """The numbers as a table."""
        columns = {"uniform": self.uniform, "policy": self.policy}
        if self.search:
            columns[f"search ({self.simulations})"] = self.search
        lines = ["How often a choice keeps the exact value of the position:"]
        lines.append(f"{'':<10}{'positions':>10}" + "".join(f"{name:>13}" for name in columns))
        for i, stratum in enumerate((*STRATA, "all")):
            if self.positions[i]:
                shares = "".join(f"{shares[i]:>13.3f}" for shares in columns.values())
                lines.append(f"{stratum.replace('_', '-'):<10}{self.positions[i]:>10,}{shares}")
        lines.append(BASELINE)
        lines.append(
            f"value error {self.value_error:.3f}   sign accuracy {self.sign_accuracy:.3f}   "
            f"calibration error {self.calibration_error:.3f}"
        )
        return "\n".join(lines)


class TruthMetrics(nn.Module):
    """The metrics of one validation, which becomes a `TruthResult`.

    Args:
        simulations: simulations per decision of the search whose choices are added; 0 if there is no search.
    """

    def __init__(self, simulations: int) -> None:
        super().__init__()
        self._simulations = simulations
        self._uniform, self._policy, self._search = KeptShare(), KeptShare(), KeptShare()
        self._value_error, self._sign = MeanSquaredError(), MeanMetric()
        self._calibration = BinaryCalibrationError(norm="l1")

    def update(
        self, batch: LabelledBatch, values: Tensor, log_policy: Tensor, searched: Tensor | None = None
    ) -> None:
        """Adds a batch of B decision positions, with N positions in all.

        Args:
            batch: the positions and the truth.
            values: [N] or [N, 1] the network's values for the player to move.
            log_policy: [N, 303] or [B, 303] the network's log policy.
            searched: int64 [B] the actions that the search plays, None without a search.
        """
        keeping, strata = batch.keeping, batch.strata
        self._uniform.update(keeping.sum(1) / batch.legal.sum(1), strata)
        likeliest = log_policy[: len(strata)].masked_fill(~batch.legal, -torch.inf).argmax(1)
        self._policy.update(keeping.gather(1, likeliest[:, None])[:, 0], strata)
        if searched is not None:
            self._search.update(keeping.gather(1, searched[:, None])[:, 0], strata)
        values = values.flatten().float()
        self._value_error.update(values, batch.outcomes)
        decided = batch.outcomes != 0
        values, outcomes = values[decided], batch.outcomes[decided]
        self._sign.update((values * outcomes > 0).float())
        self._calibration.update((1 + values) / 2, (outcomes > 0).long())

    def result(self) -> TruthResult:
        """What was found so far on all ranks. It must be called on all of them."""
        (uniform, counts), (policy, _) = self._uniform.compute(), self._policy.compute()
        search = self._search.compute()[0].tolist() if self._simulations else None
        return TruthResult(
            simulations=self._simulations,
            positions=counts.tolist(),
            uniform=uniform.tolist(),
            policy=policy.tolist(),
            search=search,
            value_error=float(self._value_error.compute()),
            sign_accuracy=float(self._sign.compute()),
            calibration_error=float(self._calibration.compute()),
        )
