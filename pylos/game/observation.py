"""Observations: what the network sees of a position, as float32 numbers from the view of the player to move.

====================  ======  =======================================================================
numbers               index   meaning
====================  ======  =======================================================================
30                    0       cells: +1 own ball, -1 opponent's ball, 0 empty
1                     30      own reserve / 15
1                     31      opponent's reserve / 15
1                     32      1 if a take-back is pending and nothing has been taken back yet
1                     33      1 if one ball has been taken back and one more may be
30                    34      empty cells that can carry a ball
30                    64      own balls on which nothing rests
30                    94      opponent's balls on which nothing rests
30                    124     supported cells where an own ball would complete a formation
30                    154     supported cells where an opponent's ball would complete a formation
====================  ======  =======================================================================
"""

from __future__ import annotations

import numpy as np

from pylos.game.position import NUM_CELLS, opponent_cells, own_cells, take_backs
from pylos.game.rules import (
    BALLS_PER_PLAYER,
    balls_per_player,
    completes_formation,
    occupied_cells,
    supported_cells,
    uncovered_cells,
)
from pylos.game.symmetry import CELL_SYMMETRY, NUM_SYMMETRIES
from pylos.kernels.bits import lowest_bit, popcount
from pylos.kernels.jit import jit

OBSERVATION_SIZE = 184
LAYOUT = 1
"""The version of the table above and of the numbers of actions. It grows with every change of what they mean."""
_PLANES = 34


def _observation_symmetry() -> np.ndarray:
    moves = np.tile(np.arange(OBSERVATION_SIZE), (NUM_SYMMETRIES, 1))
    for plane in (0, *range(_PLANES, OBSERVATION_SIZE, NUM_CELLS)):
        moves[:, plane : plane + NUM_CELLS] = plane + CELL_SYMMETRY
    return moves


OBSERVATION_SYMMETRY = _observation_symmetry()
"""[8, 184] the index to which a symmetry moves each number of an observation."""


@jit
def _completing_cells(balls: int, supported: int, code: int) -> int:
    """The cells of `supported` on which one more ball completes a formation."""
    completing = 0
    while supported:
        cell = lowest_bit(supported)
        supported &= supported - 1
        if completes_formation(balls | 1 << cell, cell, code):
            completing |= 1 << cell
    return completing


@jit
def observe(position: int, code: int, out: np.ndarray) -> None:
    """Writes the observation of one position to `out`, float32 [184]."""
    own = own_cells(position)
    opponent = opponent_cells(position)
    pending = take_backs(position)
    occupied = occupied_cells(position, code)
    supported = supported_cells(occupied)
    uncovered = uncovered_cells(occupied)
    balls = balls_per_player(code)
    completing = _completing_cells(own, supported, code)
    threatened = _completing_cells(opponent, supported, code)
    out[NUM_CELLS] = np.float32((balls - popcount(own)) / BALLS_PER_PLAYER)
    out[NUM_CELLS + 1] = np.float32((balls - popcount(opponent)) / BALLS_PER_PLAYER)
    out[NUM_CELLS + 2] = np.float32(pending == 2)
    out[NUM_CELLS + 3] = np.float32(pending == 1)
    for cell in range(NUM_CELLS):
        out[cell] = np.float32((own >> cell & 1) - (opponent >> cell & 1))
        out[_PLANES + cell] = np.float32(supported >> cell & 1)
        out[_PLANES + 30 + cell] = np.float32((own & uncovered) >> cell & 1)
        out[_PLANES + 60 + cell] = np.float32((opponent & uncovered) >> cell & 1)
        out[_PLANES + 90 + cell] = np.float32(completing >> cell & 1)
        out[_PLANES + 120 + cell] = np.float32(threatened >> cell & 1)


@jit
def observe_all(positions: np.ndarray, code: int, out: np.ndarray) -> None:
    """Writes the observations of `positions` [B] to `out`, float32 [B, 184]."""
    for i in range(positions.shape[0]):
        observe(positions[i], code, out[i])
