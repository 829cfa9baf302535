"""Batches of the suite: positions with their labels, and the part of them that a rank measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.position import mover
from pylos.game.rules import is_over, rules_code, step
from pylos.kernels.jit import jit
from pylos.kernels.randomness import derive_key, draw_below, draw_keys
from pylos.truth.suite import Suite

SUITE_BATCH = 256
"""Positions in a batch of the suite."""
_ORDER = derive_key("order of the suite")


class LabelledBatch(NamedTuple):
    """B decision positions, the positions to which two of their actions lead, and the truth about all of them.

    A decision position is never lost, because a lost position leaves no mistake to make. So that the values have losses
    as well as wins and draws, N - B more positions follow: where one action that keeps the value leads, and where
    one that throws it away does, unless the game is over there.
    """

    positions: Tensor
    """int64 [B] the decision positions, packed."""
    strata: Tensor
    """int64 [B] numbers into `pylos.truth.suite.STRATA`."""
    legal: Tensor
    """bool [B, 303] the legal actions."""
    keeping: Tensor
    """bool [B, 303] the actions that keep the exact value."""
    observations: Tensor
    """float32 [N, 184] first of the B decision positions, then of the others."""
    outcomes: Tensor
    """float32 [N] the exact values of the same positions for the player to move: 1, 0 or -1."""


class SuiteBatches:
    """The batches of a suite, as an iterable with a length.

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
    """One rank's part of a subset of the suite. The subset is always the same and has every stratum in proportion.

    Args:
        suite: the labelled positions.
        most: the most positions in the subset, on all ranks together; every rank gets at least one.
        rank: the rank.
        ranks: how many ranks share the subset.

    Returns:
        int64 [R] rows of the suite.
    """
    count = min(max(most, ranks), len(suite))
    by_stratum = np.argsort(suite.strata, kind="stable")
    chosen = by_stratum[np.arange(count) * len(suite) // count]
    # They are shuffled, so that the first batches have every stratum: with limit_val_batches there are no others.
    return chosen[np.argsort(draw_keys(_ORDER, count))][rank::ranks]


def labelled_batch(suite: Suite, rows: np.ndarray) -> LabelledBatch:
    """The batch of some rows of a suite.

    Args:
        suite: the labelled positions.
        rows: int64 [B] the rows.
    """
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
    """Writes where two actions of each position lead: one that keeps the value and one that does not.

    Which of them depends on the position alone. Positions where the game is over are left out.

    Args:
        positions: int64 [B] the decision positions.
        legal: bool [B, 303] the legal actions.
        keeping: bool [B, 303] the actions that keep the value.
        action_values: int8 [B, 303] what each action is worth to the player who acts.
        code: the rule set's number.
        out: int64 [2 * B] receives the positions.
        out_values: float32 [2 * B] receives their values for the player to move.

    Returns:
        How many positions it wrote.
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
