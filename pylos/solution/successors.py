"""Which shapes the turns of a shape can lead to: when one of them changes, the shape needs another look."""

from __future__ import annotations

import numpy as np

from pylos.game.position import NUM_CELLS
from pylos.game.rules import LINES, RAISED_TO, SQUARES, occupied_cells, supported_cells, uncovered_cells
from pylos.kernels.bits import lowest_bit
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, shape_of

_MOST_SUCCESSORS = 1 << 19


def shape_successors(index: Index, code: int) -> tuple[np.ndarray, np.ndarray]:
    """The shapes to which the turns of each shape can lead.

    Every shape counts as one of its own successors. That does no harm, and no shape is without a successor.

    Args:
        index: the index.
        code: the rule set's number.

    Returns:
        int32 [N] the successors of all shapes, one shape's after the other's, and int64 [S] where each shape's begin.
    """
    room = np.empty(_MOST_SUCCESSORS, np.int64)
    rows = []
    for shape in range(len(index.shapes)):
        n = _successor_shapes(index, code, shape, room)
        room[n] = shape
        rows.append(np.unique(room[: n + 1]).astype(np.int32))
    starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
    return np.concatenate(rows), starts


@jit
def _successor_shapes(index: Index, code: int, shape: int, out: np.ndarray) -> int:
    """Writes the shapes that a turn can lead to in any colouring, some more than once; returns how many it wrote."""
    pile = index.shapes[shape]
    supported = supported_cells(occupied_cells(pile, code))
    n = 0
    sources = np.int64(1) << NUM_CELLS | pile & uncovered_cells(pile)  # bit 30: from the reserve
    while sources:
        source = sources & -sources
        sources ^= source
        targets = supported
        if source >> NUM_CELLS == 0:
            targets &= RAISED_TO[lowest_bit(source)]
        while targets:
            after = pile & ~source | targets & -targets
            targets &= targets - 1
            out[n] = shape_of(index, after)
            n += 1
            if code & (SQUARES | LINES):
                n += _shapes_after_take_back(index, after, out[n:])
    return n


@jit
def _shapes_after_take_back(index: Index, pile: int, out: np.ndarray) -> int:
    """Writes the shapes after one ball is taken back, or two; returns how many it wrote."""
    n = 0
    firsts = pile & uncovered_cells(pile)
    while firsts:
        left = pile ^ firsts & -firsts
        firsts &= firsts - 1
        out[n] = shape_of(index, left)
        n += 1
        seconds = left & uncovered_cells(left)
        while seconds:
            out[n] = shape_of(index, left ^ seconds & -seconds)
            n += 1
            seconds &= seconds - 1
    return n
