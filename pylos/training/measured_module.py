"""How a module is measured: against the exact solution, on fresh games, and on boards that a user asks about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn

from pylos.errors import NonFiniteNetworkError
from pylos.game.board import Board
from pylos.network.network import expected_value
from pylos.runs.lightning_internals import give_to_predict, given_to_predict
from pylos.search.evaluator import padded_size
from pylos.selfplay.replay_buffer import Batch
from pylos.training.epoch_metrics import log_for_epoch
from pylos.training.losses import Losses, losses
from pylos.training.prediction import as_boards, judge, single_batch
from pylos.truth.batches import LabelledBatch
from pylos.truth.metrics import TruthMetrics, TruthResult
from pylos.truth.searcher import Searcher

F = TypeVar("F", bound=Callable[..., Any])


def not_compiled(function: F) -> F:
    """Keeps a function out of `torch.compile`: of a step only the network and the loss are worth compiling."""
    plain: F = torch.compiler.disable(function)  # type: ignore[no-untyped-call]  # torch's
    return plain


class MeasuredModule(pl.LightningModule):
    """The part of a module that measures: the steps of `validate`, `test` and `predict`."""

    network: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.truth: TruthResult | None = None
        """What the newest validation found."""
        self._measuring: tuple[TruthMetrics, Searcher | None] | None = None
        """With what a validation counts and searches, while it lasts."""

    @property
    def rules(self) -> str:
        """The rule set that the agent plays by."""
        return str(self.hparams["rules"])

    def setup(self, stage: str) -> None:
        """Makes a loader of boards in memory that `Trainer.predict` was given in place of one."""
        if stage == "predict":
            given = given_to_predict(self.trainer)
            if _holds_boards(given):
                give_to_predict(self.trainer, single_batch(as_boards(given, self.rules)))

    def on_validation_epoch_start(self) -> None:
        """Begins to measure against the truth, with the weights as they are now."""
        simulations = self.hparams["validation_simulations"]
        searcher = Searcher(self.network, self.rules, simulations, self.device) if simulations else None
        self._measuring = TruthMetrics(simulations).to(self.device), searcher

    def validation_step(self, batch: LabelledBatch, batch_index: int) -> None:
        """Compares choices and values with the truth.

        Raises:
            NonFiniteNetworkError: a value or a policy is infinite or not a number.
        """
        n = len(batch.observations)
        rows = torch.arange(padded_size(n), device=self.device).clamp(max=n - 1)
        # In batches of any such size a position is judged the same.
        outcomes, log_policy = self(batch.observations[rows])
        self._measure(batch, expected_value(outcomes[:n]), log_policy[:n])

    @not_compiled
    def _measure(self, batch: LabelledBatch, values: Tensor, log_policy: Tensor) -> None:
        policies = log_policy[: len(batch.legal)][batch.legal]
        _refuse_unless(torch.isfinite(values).all() and torch.isfinite(policies).all())
        assert self._measuring is not None
        metrics, searcher = self._measuring
        searched = None
        if searcher:
            actions = searcher.choose(batch.positions.cpu().numpy())
            searched = torch.from_numpy(actions).to(self.device)
        metrics.update(batch, values, log_policy, searched)

    def on_validation_epoch_end(self) -> None:
        """Logs what all ranks together have found."""
        assert self._measuring is not None
        self.truth = self._measuring[0].result()
        self._measuring = None
        if self.trainer.state.fn == "fit":
            log_for_epoch(self, self.truth.metrics())
        else:
            self.log_dict(self.truth.metrics())

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Logs losses on games that were not trained on.

        Raises:
            NonFiniteNetworkError: the loss is infinite or not a number.
        """
        outcomes, log_policy = self(batch.observations)
        self._note_test(
            losses(outcomes, log_policy, batch, self.hparams["value_loss_weight"]), len(batch.outcomes)
        )

    @not_compiled
    def _note_test(self, found: Losses, size: int) -> None:
        _refuse_unless(torch.isfinite(found.loss))
        metrics = {f"test/{name}": value.detach() for name, value in found._asdict().items()}
        self.log_dict(metrics, on_step=False, on_epoch=True, sync_dist=True, batch_size=size)

    @not_compiled
    def predict_step(self, batch: Any, batch_index: int) -> list[dict[str, Any]]:
        """Judges boards with the bare network, without search.

        Args:
            batch: boards, position texts or packed positions.
            batch_index: which batch it is.

        Returns:
            what `pylos.training.prediction.judge` says of each board.
        """
        return judge(as_boards(batch, self.rules), self.network, self.rules, self.device)


def _holds_boards(given: Any) -> bool:
    """Whether `as_boards` takes this: a sequence may also be one of loaders."""
    if isinstance(given, list | tuple):
        return not any(isinstance(item, Iterable) and not isinstance(item, str) for item in given)
    return isinstance(given, Board | str | np.ndarray | Tensor)


def _refuse_unless(finite: Tensor | bool) -> None:
    if not finite:
        raise NonFiniteNetworkError("the network gives values or policies that are not finite numbers")
