"""A position is one integer. This file packs it and reads its fields.

Layout of a position (int64, never negative):

    bits  0-29  balls of the player to move ("own"), one bit a cell
    bits 30-59  balls of the opponent
    bits 60-61  balls that may still be taken back: 0, 1 or 2
    bit  62     the player to move: 0 white, 1 black

Cells count level by level from the bottom, row-major: 0-15 (4x4), 16-24 (3x3), 25-28 (2x2), 29 (the apex).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pylos.kernels.jit import jit

NUM_CELLS = 30
CELL_MASK = (1 << NUM_CELLS) - 1
START = 0
"""The empty board with white to move."""
SIDES = ("white", "black")
"""The names of the players, by the number of the player to move."""

Position = TypeVar("Position", int, npt.NDArray[np.int64])
"""One position, or an array of them."""


@jit
def pack(own: int, opponent: int, take_backs: int, mover: int) -> int:
    """The position with these fields."""
    return own | opponent << 30 | take_backs << 60 | mover << 62


@jit
def own_cells(position: Position) -> Position:
    """The cells with balls of the player to move."""
    return position & CELL_MASK


@jit
def opponent_cells(position: Position) -> Position:
    """The cells with balls of the opponent."""
    return position >> 30 & CELL_MASK


@jit
def take_backs(position: Position) -> Position:
    """How many balls may still be taken back: 0, 1 or 2."""
    return position >> 60 & 3


@jit
def mover(position: Position) -> Position:
    """The player to move: 0 white, 1 black."""
    return position >> 62


@jit
def cells_by_side(position: int) -> tuple[int, int]:
    """The cells with balls of white, and those with balls of black."""
    own, opponent = own_cells(position), opponent_cells(position)
    return (opponent, own) if mover(position) else (own, opponent)
