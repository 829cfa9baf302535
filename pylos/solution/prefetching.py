"""Prefetching of successors' entries: a table fits in no cache, so its bytes are fetched before they are needed.

A kernel prefetches the entries for a position while it works on the one that comes `AHEAD` positions earlier.
"""

from __future__ import annotations

import numpy as np

from pylos.game.turns import moves
from pylos.kernels.bits import prefetch
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, number_of

AHEAD = 8
"""How many positions before its turn the entries for a position are prefetched."""


@jit
def prefetch_entries(index: Index, table: np.ndarray, shift: int, positions: np.ndarray, n: int) -> None:
    """Replaces `n` packed positions by their numbers and prefetches their entries; `1 << shift` are in a byte."""
    for i in range(n):
        positions[i] = number_of(index, positions[i])
        prefetch(table, positions[i] >> shift)


@jit
def prefetch_moves(
    index: Index, table: np.ndarray, shift: int, position: int, code: int, turns: np.ndarray
) -> tuple[int, int]:
    """Writes the moves of a position to `turns`; those that end the turn become numbers, and are prefetched.

    Args:
        index: the index.
        table: whose entries are prefetched.
        shift: `1 << shift` entries are in a byte.
        position: the packed position.
        code: the rule set's number.
        turns: int64 [TURN_ROOM] receives the moves: those that end the turn from 0 on, those that earn a take-back
            from EARNING on.

    Returns:
        How many moves end the turn, and how many earn a take-back.
    """
    n, m = moves(position, code, turns)
    prefetch_entries(index, table, shift, turns, n)
    return n, m
