"""The evaluator that asks a network about positions."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions
from pylos.kernels.jit import jit
from pylos.network.fixed_batch import ROWS, FixedBatch
from pylos.network.frozen import frozen
from pylos.search.cached_evaluator import CachedEvaluator
from pylos.search.evaluator import padded_size

CACHE_SIZE = 200_000
"""Positions to remember: enough for some plies of the games that are searched at the same time."""
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class NetworkEvaluator:
    """A `pylos.search.evaluator.Evaluator` that asks a frozen copy of a network.

    The copy is in eval mode whatever the mode of the original, and later training does not change it.

    Args:
        network: maps observations [B, 184] to values [B, 1] and log policies [B, 303]. What it computes must
            not branch on its input.
        code: of the rule set.
        device: where to compute.
        precision: "float32" or "bfloat16".
        name: what errors call the network.

    Raises:
        ConfigurationError: there is no such precision.
    """

    def __init__(
        self,
        network: nn.Module,
        code: int,
        device: torch.device | str,
        precision: str,
        name: str = "the network",
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigurationError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
        self.device = torch.device(device)
        self.on_accelerator = self.device.type != "cpu"
        self.dtype = PRECISIONS[precision]
        self._code, self._name = code, name
        self.network = frozen(network, self.device, self.dtype)
        self._idle_batches: list[FixedBatch] = []

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Evaluator`. Several threads may ask at the same time, and about any number of positions.

        Raises:
            NonFiniteNetworkError: a value, or the log policy of a legal action, is not a finite number.
        """
        n = len(positions)
        padded = positions
        if n != padded_size(n):
            padded = np.zeros(padded_size(n), np.int64)
            padded[:n] = positions
        judge = self.in_fixed_batches if self.on_accelerator else self._in_one_batch
        values, log_policy = judge(padded)
        # Illegal actions may have any log policy. Still all numbers are tested first, because that takes no time.
        finite = np.isfinite(values).all() and np.isfinite(log_policy).all()
        if not finite and not _is_usable(padded, self._code, values, log_policy):
            raise NonFiniteNetworkError(
                f"{self._name} gives values or policies that are not finite numbers: it is damaged or diverged "
                "in training"
            )
        return values[:n], log_policy[:n]

    def _in_one_batch(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        observations = np.empty((len(positions), OBSERVATION_SIZE), np.float32)
        observe_all(positions, self._code, observations)
        with torch.inference_mode():
            values, log_policy = self.network(torch.from_numpy(observations).to(self.dtype))
            return values[:, 0].float().numpy(), log_policy.float().numpy()

    def in_fixed_batches(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates positions on an accelerator. Each thread that asks has a batch of its own in flight.

        Args:
            positions: int64 [B] packed positions.

        Returns:
            Values, float32 [B], and log policies, float32 [B, 303].
        """
        n = len(positions)
        values, log_policy = np.empty(n, np.float32), np.empty((n, NUM_ACTIONS), np.float32)
        try:
            batch = self._idle_batches.pop()
        except IndexError:
            batch = FixedBatch(self.network, self.device, self.dtype)
        for first in range(0, n, ROWS):
            rows = slice(first, first + ROWS)
            batch(positions[rows], self._code, values[rows], log_policy[rows])
        self._idle_batches.append(batch)
        return values, log_policy

    def cached(self, size: int = CACHE_SIZE) -> CachedEvaluator | NetworkEvaluator:
        """The evaluator for searches. On a CPU it remembers the evaluations of about `size` positions.

        On an accelerator that would cost more than it saves: there the network is the cheaper part.
        """
        return self if self.on_accelerator else CachedEvaluator(self, self._code, size)

    @property
    def network_share(self) -> float:
        """The share of all positions in question that the network evaluated; without a cache, all of them."""
        return 1.0


@jit
def _is_usable(positions: np.ndarray, code: int, values: np.ndarray, log_policy: np.ndarray) -> bool:
    """Whether all values and the log policies of all legal actions are finite numbers."""
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(positions.shape[0]):
        if not np.isfinite(values[i]):
            return False
        for k in range(legal_actions(positions[i], code, actions)):
            if not np.isfinite(log_policy[i, actions[k]]):
                return False
    return True
