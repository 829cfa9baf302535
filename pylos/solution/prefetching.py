"""Entries of successors, asked for before they are read: a table fits in no cache.

Kernels for values and for distances go through their positions with a distance of ``AHEAD`` between asking and reading.
"""

from __future__ import annotations

import numpy as np

from pylos.game.turns import moves
from pylos.kernels.bits import prefetch
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, number_of

AHEAD = 8
"""So many positions before one is looked at, the values of its successors are asked for."""


@jit
def prefetch_entries(index: Index, table: np.ndarray, shift: int, positions: np.ndarray, n: int) -> None:
    """Turns ``n`` packed positions into their numbers, and asks for their entries: ``1 << shift`` are in a byte."""
    for i in range(n):
        positions[i] = number_of(index, positions[i])
        prefetch(table, positions[i] >> shift)


@jit
def prefetch_moves(
    index: Index, table: np.ndarray, shift: int, position: int, code: int, turns: np.ndarray
) -> tuple[int, int]:
    """Writes the moves of a position, those that end the turn as numbers, and asks for their entries."""
    n, m = moves(position, code, turns)
    prefetch_entries(index, table, shift, turns, n)
    return n, m
