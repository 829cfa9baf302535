"""The eight symmetries of the square, applied to cells, actions and positions; canonical positions.

Symmetry `s` (0-7) transposes if `s & 4`, then mirrors the rows if `s & 2` and the columns if `s & 1`.
"""

from __future__ import annotations

import numpy as np

from pylos.game.position import NUM_CELLS, mover, opponent_cells, own_cells, pack, take_backs
from pylos.game.rules import ACTION_SOURCE, ACTION_TARGET, CELLS, LEVEL_SIZE, PAIR_BASE, cell_index
from pylos.kernels.jit import jit

NUM_SYMMETRIES = 8


def _moved_cell(symmetry: int, cell: int) -> int:
    level, row, column = CELLS[cell]
    last = LEVEL_SIZE[level] - 1
    if symmetry & 4:
        row, column = column, row
    if symmetry & 2:
        row = last - row
    if symmetry & 1:
        column = last - column
    return cell_index(level, row, column)


CELL_SYMMETRY = np.array(
    [[_moved_cell(s, cell) for cell in range(NUM_CELLS)] for s in range(NUM_SYMMETRIES)], np.int64
)
"""[8, 30] the cell to which a symmetry moves each cell; symmetry 0 moves none."""

ACTION_SYMMETRY = np.concatenate(
    [
        CELL_SYMMETRY,
        PAIR_BASE[CELL_SYMMETRY[:, ACTION_SOURCE[NUM_CELLS:]]] + CELL_SYMMETRY[:, ACTION_TARGET[NUM_CELLS:]],
    ],
    axis=1,
)
"""[8, 303] what each action becomes: `moved[ACTION_SYMMETRY[s]] = policy` moves a policy [303]."""

INVERSE_SYMMETRY = np.array(
    [
        next(
            i for i in range(NUM_SYMMETRIES) if (CELL_SYMMETRY[i][CELL_SYMMETRY[s]] == CELL_SYMMETRY[0]).all()
        )
        for s in range(NUM_SYMMETRIES)
    ],
    np.int64,
)
"""[8] the symmetry that undoes each symmetry."""

_CHUNK_BITS = 10
_CHUNK_MASK = (1 << _CHUNK_BITS) - 1


def _moved_chunks() -> np.ndarray:
    """[8, 3, 1024] the cells to which a symmetry moves the balls on ten cells in a row, for each pattern of balls."""
    table = np.zeros((NUM_SYMMETRIES, NUM_CELLS // _CHUNK_BITS, 1 << _CHUNK_BITS), np.int32)
    patterns = np.arange(1 << _CHUNK_BITS)
    for cell in range(NUM_CELLS):
        chunk, bit = divmod(cell, _CHUNK_BITS)
        table[:, chunk] |= (patterns >> bit & 1) << CELL_SYMMETRY[:, cell, None]
    return table


# To look up ten cells at once takes six loads instead of sixty moves of bits. This runs for every training sample.
_MOVED_CHUNKS = _moved_chunks()


@jit
def moved_mask(mask: int, symmetry: int) -> int:
    """The cells (a mask) to which a symmetry moves the cells of `mask`."""
    low = _MOVED_CHUNKS[symmetry, 0, mask & _CHUNK_MASK]
    middle = _MOVED_CHUNKS[symmetry, 1, mask >> 10 & _CHUNK_MASK]
    high = _MOVED_CHUNKS[symmetry, 2, mask >> 20 & _CHUNK_MASK]
    return np.int64(low | middle | high)


@jit
def transform(position: int, symmetry: int) -> int:
    """The position after a symmetry; the side to move and the take-backs stay."""
    own = moved_mask(own_cells(position), symmetry)
    opponent = moved_mask(opponent_cells(position), symmetry)
    return pack(own, opponent, take_backs(position), mover(position))


@jit
def canonical_image(position: int) -> tuple[int, int]:
    """The canonical image of a position, and the symmetry that leads to it.

    It is the smallest, as an integer, of the eight images of the position with white to move. Where black is to move,
    the colours are swapped first.
    """
    as_white = pack(own_cells(position), opponent_cells(position), take_backs(position), 0)
    image, symmetry = as_white, 0
    for s in range(1, NUM_SYMMETRIES):
        turned = transform(as_white, s)
        if turned < image:
            image, symmetry = turned, s
    return image, symmetry


@jit
def canonical(positions: np.ndarray) -> np.ndarray:
    """The canonical images of positions [B]: the same for positions that differ by a symmetry or by the colours."""
    out = np.empty_like(positions)
    for i in range(positions.shape[0]):
        out[i] = canonical_image(positions[i])[0]
    return out
