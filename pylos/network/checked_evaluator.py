"""What all evaluators of networks do: they fill batches up, and refuse answers that are not finite numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from pylos.errors import NonFiniteNetworkError
from pylos.game.rules import MAX_LEGAL_ACTIONS, legal_actions
from pylos.kernels.jit import jit
from pylos.search.cached_evaluator import CachedEvaluator
from pylos.search.evaluator import padded_size

CACHE_SIZE = 200_000
"""Positions to remember: enough for some plies of the games that are searched at the same time."""


class CheckedEvaluator(ABC):
    """A `pylos.search.evaluator.Evaluator` that asks a network.

    Args:
        code: of the rule set.
        name: what errors call the network.
    """

    def __init__(self, code: int, name: str) -> None:
        self._code, self._name = code, name

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
        values, log_policy = self._evaluate(padded)
        # Illegal actions may have any log policy. Still all numbers are tested first, because that takes no time.
        finite = np.isfinite(values).all() and np.isfinite(log_policy).all()
        if not finite and not _is_usable(padded, self._code, values, log_policy):
            raise NonFiniteNetworkError.outputs(self._name)
        return values[:n], log_policy[:n]

    @abstractmethod
    def _evaluate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the network says about positions: see `Evaluator`."""

    def cached(self, size: int = CACHE_SIZE) -> CachedEvaluator | CheckedEvaluator:
        """The evaluator for searches. It remembers the evaluations of about `size` positions."""
        return CachedEvaluator(self, self._code, size)

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
