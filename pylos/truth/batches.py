"""What the data module serves besides self-play: the suite's positions with their labels, and boards to judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import is_over, mover, rules_code, step
from pylos.kernels.jit import jit
from pylos.kernels.randomness import derive_key, draw_below, draw_keys
from pylos.truth.suite import Suite

SUITE_BATCH = 256
"""Positions in a batch of the suite."""
_ORDER = derive_key("order of the suite")


class LabelledBatch(NamedTuple):
    """Decision positions with the truth about them.

    The best that a decision position holds is never a loss: who has lost has no mistake left to make. So that wins,
    draws and losses all occur among the values, there are N - B positions more, to which one action that keeps the
    value and one that throws it away lead (where the game is not over).
    """

    positions: Tensor
    """int64 [B] packed."""
    strata: Tensor
    """int64 [B] numbers into `pylos.truth.suite.STRATA`."""
    legal: Tensor
    """bool [B, 303] the legal actions."""
    keeping: Tensor
    """bool [B, 303] those that keep the exact value."""
    observations: Tensor
    """float32 [N, 184] of the B positions, and behind them of where they lead."""
    outcomes: Tensor
    """float32 [N] what these are worth to the player to move: 1, 0 or -1."""


class SuiteBatches:
    """Batches of a suite: a sized iterable.

    Args:
        suite: the labelled positions.
        rows: int64 [R] which of them, in which order.
    """

    def __init__(self, suite: Suite, rows: np.ndarray) -> None:
        self._suite, self._rows = suite, rows

    def __len__(self) -> int:
        return -(-len(self._rows) // SUITE_BATCH)

    def __iter__(self) -> Iterator[LabelledBatch]:
        for first in range(0, len(self._rows), SUITE_BATCH):
            yield labelled_batch(self._suite, self._rows[first : first + SUITE_BATCH])


def share_of_suite(suite: Suite, most: int, rank: int, ranks: int) -> np.ndarray:
    """One rank's part of a subset of the suite, which is always the same and has every stratum in proportion.

    Args:
        suite: the labelled positions.
        most: positions of the subset, on all ranks together; a rank gets one at least.
        rank: whose part.
        ranks: among how many the subset is shared out.

    Returns:
        int64 [R] rows of the suite.
    """
    count = min(max(most, ranks), len(suite))
    by_stratum = np.argsort(suite.strata, kind="stable")
    chosen = by_stratum[np.arange(count) * len(suite) // count]
    # Mixed, so that the first batches, on which limit_val_batches measures, have every stratum, too.
    return chosen[np.argsort(draw_keys(_ORDER, count))][rank::ranks]


def labelled_batch(suite: Suite, rows: np.ndarray) -> LabelledBatch:
    """The positions of some rows [B] of a suite, and where they lead."""
    code, n = rules_code(suite.rules), len(rows)
    positions, outcomes = np.empty(3 * n, np.int64), np.empty(3 * n, np.float32)
    positions[:n], outcomes[:n] = suite.positions[rows], suite.values[rows]
    legal, keeping = suite.legal[rows], suite.keeping[rows]
    arrays = positions[:n], legal, keeping, suite.action_values[rows]
    n += _add_successors(*arrays, code, positions[n:], outcomes[n:])
    observations = np.empty((n, OBSERVATION_SIZE), np.float32)
    observe_all(positions[:n], code, observations)
    parts = positions[: len(rows)], suite.strata[rows], legal, keeping, observations, outcomes[:n]
    return LabelledBatch(*(torch.from_numpy(part) for part in parts))


@jit
def _add_successors(
    positions: np.ndarray, legal: np.ndarray, keeping: np.ndarray, action_values: np.ndarray, code: int,
    out: np.ndarray, out_values: np.ndarray,
) -> int:  # fmt: skip
    """Writes where one keeping and one losing action of each position lead, unless the game is over there.

    Which actions these are depends on the position alone.
    """
    n = 0
    for i in range(positions.shape[0]):
        for keeps in range(2):
            actions = np.flatnonzero(legal[i] & (keeping[i] == (keeps == 1)))
            action = actions[draw_below(positions[i], keeps, len(actions))]
            out[n] = step(positions[i], action, code)
            if not is_over(out[n], code):
                passed = mover(out[n]) != mover(positions[i])
                out_values[n] = -action_values[i, action] if passed else action_values[i, action]
                n += 1
    return n
