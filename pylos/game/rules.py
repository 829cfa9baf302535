"""The rules of Pylos as compiled kernels on bitboards: which actions are legal, and what they lead to.

A position is one integer (see `pylos.game.position`), a set of cells the bits of another. Cell (level, row, column)
rests on the four cells (level-1, row..row+1, column..column+1).

There are 303 actions. 0-29 place a ball on that cell; 29 means stop while a take-back is pending. 30-302 are the pairs
(source, target) with the target on a higher level, ordered by source, then by target: a raise, or, with the apex as
target, the take-back of the ball on the source. The two cannot be confused: no ball can be raised to the apex, because
all other cells would have to be full, the source included.
"""

from __future__ import annotations

import numpy as np

from pylos.errors import RulesError
from pylos.game.position import (
    NUM_CELLS,
    cells_by_side,
    mover,
    opponent_cells,
    own_cells,
    pack,
    take_backs,
)
from pylos.kernels.bits import lowest_bit, popcount
from pylos.kernels.jit import jit

NUM_ACTIONS = 303
BALLS_PER_PLAYER = 15
"""In the full game, and the most in any; see `balls_per_player`."""
APEX = 29
STOP = 29
"""The action that ends a take-back. It has the id of placing on the apex; the two are never legal together."""
MAX_LEGAL_ACTIONS = 107
"""No position has more legal actions. A test derives this bound from all occupancies."""

SQUARES, LINES, OPTIONAL, MINI = 1, 2, 4, 8
FULL_RULES: dict[str, int] = {
    "children": 0,
    "standard": SQUARES,
    "mature": SQUARES | LINES,
    "standard-optional": SQUARES | OPTIONAL,
    "mature-optional": SQUARES | LINES | OPTIONAL,
}
MINI_RULES: dict[str, int] = {f"mini-{name}": code | MINI for name, code in FULL_RULES.items()}
"""The same rules on a base of 3x3 with 7 balls a side: the upper three levels, on ground that belongs to nobody."""
RULES: dict[str, int] = FULL_RULES | MINI_RULES
"""The code of each rule set by its name. Its bits say which formations earn a take-back, whether it is optional, and
which board is played on."""


def rules_code(name: str) -> int:
    """The number by which kernels know a rule set: its code.

    Raises:
        RulesError: the name is unknown.
    """
    if name not in RULES:
        raise RulesError(f"unknown rule set {name!r}; there are: {', '.join(RULES)}")
    return RULES[name]


# Geometry, computed once -------------------------------------------------------------------------------------

LEVEL_SIZE = (4, 3, 2, 1)
LEVEL_START = (0, 16, 25, 29)
CELLS: list[tuple[int, int, int]] = [
    (level, row, column)
    for level, size in enumerate(LEVEL_SIZE)
    for row in range(size)
    for column in range(size)
]
"""[30] level, row and column of each cell, all counted from 0."""


def cell_index(level: int, row: int, column: int) -> int:
    """The number of a cell; its coordinates count from 0."""
    return LEVEL_START[level] + row * LEVEL_SIZE[level] + column


def _rests_on(upper: int, lower: int) -> bool:
    (level, row, column), (level_below, row_below, column_below) = CELLS[upper], CELLS[lower]
    return level_below == level - 1 and row_below - row in (0, 1) and column_below - column in (0, 1)


_PAIRS = [(s, t) for s in range(NUM_CELLS) for t in range(NUM_CELLS) if CELLS[t][0] > CELLS[s][0]]
RAISED_TO = np.array(
    [sum(1 << t for s, t in _PAIRS if s == cell and not _rests_on(t, cell)) for cell in range(NUM_CELLS)],
    np.int64,
)
"""[30] the cells to which the ball of each cell may be raised: those on higher levels that do not rest on it."""

ACTION_SOURCE = np.array([-1] * NUM_CELLS + [s for s, _ in _PAIRS], np.int64)
"""[303] the cell from which an action takes a ball; -1 stands for the reserve."""
ACTION_TARGET = np.array([*range(NUM_CELLS), *(t for _, t in _PAIRS)], np.int64)
"""[303] the cell on which an action puts a ball; after a take-back the apex, which means the reserve."""
PAIR_BASE = np.array(
    [next((NUM_CELLS + i - t for i, (p, t) in enumerate(_PAIRS) if p == s), 0) for s in range(NUM_CELLS)],
    np.int64,
)
"""[30] `PAIR_BASE[source] + target` is the id of the pair."""


# Bitboards ---------------------------------------------------------------------------------------------------


@jit
def balls_per_player(code: int) -> int:
    """How many balls each side has, on the board and in reserve."""
    return 7 if code & MINI else BALLS_PER_PLAYER


@jit
def ground_cells(code: int) -> int:
    """The cells on which nobody plays: level 1 in the mini game."""
    return 0xFFFF if code & MINI else 0


@jit
def reserves(position: int, code: int) -> tuple[int, int]:
    """The balls that white and black still hold."""
    white, black = cells_by_side(position)
    return balls_per_player(code) - popcount(white), balls_per_player(code) - popcount(black)


@jit
def occupied_cells(position: int, code: int) -> int:
    """The cells with a ball; in the mini game those of the ground, too."""
    return own_cells(position) | opponent_cells(position) | ground_cells(code)


@jit
def full_squares(balls: int) -> int:
    """The first corner (least row and column) of each 2x2 square that the balls fill, on every level."""
    pairs = balls & balls >> 1
    low = pairs & pairs >> 4 & 0x777
    middle = pairs & pairs >> 3 & 0x1B << 16
    top = pairs & pairs >> 2 & 1 << 25
    return low | middle | top


@jit
def supported_cells(occupied: int) -> int:
    """The empty cells that can carry a ball."""
    full = full_squares(occupied)
    second = (full & 0x7) | (full & 0x70) >> 1 | (full & 0x700) >> 2
    third = full >> 16
    third = (third & 0x3) | (third & 0x18) >> 1
    return (0xFFFF | second << 16 | third << 25 | (full >> 25 & 1) << 29) & ~occupied


@jit
def uncovered_cells(occupied: int) -> int:
    """The cells on which nothing rests."""
    second = occupied >> 16 & 0x1FF
    second = (second & 0x7) | (second & 0x38) << 1 | (second & 0x1C0) << 2
    third = occupied >> 25 & 0xF
    third = (third & 0x3) | (third & 0xC) << 1
    covered = second | second << 1 | second << 4 | second << 5
    covered |= (third | third << 1 | third << 3 | third << 4) << 16
    return ~(covered | (occupied >> 29) * 0xF << 25)


@jit
def formation_cells(own: int, code: int) -> int:
    """The cells of all formations that earn a take-back: 2x2 squares; rows and columns of the two lower levels."""
    cells = np.int64(0)
    if code & SQUARES:
        full = full_squares(own)
        pairs = full | full << 1
        cells |= pairs & 0xFFFF | (pairs & 0xFFF) << 4
        cells |= (pairs & 0x1FF << 16) | (pairs & 0x3F << 16) << 3
        cells |= (pairs & 0xF << 25) | (pairs & 0x3 << 25) << 2
    if code & LINES:
        two_by_row, two_by_column = own & own >> 1, own & own >> 4
        cells |= (two_by_row & two_by_row >> 2 & 0x1111) * 0xF
        cells |= (two_by_column & two_by_column >> 8 & 0xF) * 0x1111
        cells |= (two_by_row & own >> 2 & 0x49 << 16) * 0x7
        cells |= (own & own >> 3 & own >> 6 & 0x7 << 16) * 0x49
    return cells


@jit
def completes_formation(own: int, cell: int, code: int) -> bool:
    """Whether the ball on `cell` (part of `own`) is in a formation that earns a take-back."""
    return formation_cells(own, code) >> cell & 1 != 0


@jit
def legal_actions(position: int, code: int, out: np.ndarray) -> int:
    """Writes the legal actions, ascending, to `out` [>= MAX_LEGAL_ACTIONS] and returns their number."""
    own = own_cells(position)
    occupied = occupied_cells(position, code)
    pending = take_backs(position)
    free = own & uncovered_cells(occupied)
    n = 0
    if pending:
        if pending == 1 or code & OPTIONAL:
            out[n] = STOP
            n += 1
        while free:
            out[n] = PAIR_BASE[lowest_bit(free)] + APEX
            n += 1
            free &= free - 1
        return n
    supported = supported_cells(occupied)
    if popcount(own) < balls_per_player(code):
        targets = supported
        while targets:
            out[n] = lowest_bit(targets)
            n += 1
            targets &= targets - 1
    while free:
        source = lowest_bit(free)
        free &= free - 1
        targets = supported & RAISED_TO[source]
        while targets:
            out[n] = PAIR_BASE[source] + lowest_bit(targets)
            n += 1
            targets &= targets - 1
    return n


@jit
def is_over(position: int, code: int) -> bool:
    """Whether the player to move has no legal action, and so has lost."""
    own = own_cells(position)
    occupied = occupied_cells(position, code)
    if take_backs(position):
        return False
    supported = supported_cells(occupied)
    if popcount(own) < balls_per_player(code):
        return supported == 0
    free = own & uncovered_cells(occupied)
    while free:
        if supported & RAISED_TO[lowest_bit(free)]:
            return False
        free &= free - 1
    return True


@jit
def occurrences(positions: np.ndarray, ply: int) -> int:
    """How often the position at index `ply` of a game's positions [P] has occurred up to there, itself included."""
    count = 0
    for i in range(ply + 1):
        count += positions[i] == positions[ply]
    return count


@jit
def step(position: int, action: int, code: int) -> int:
    """The position after an action. Whether it is legal is not checked."""
    own = own_cells(position)
    opponent = opponent_cells(position)
    pending = take_backs(position)
    player = mover(position)
    if pending == 0:
        cell = ACTION_TARGET[action]
        if action >= NUM_CELLS:
            own ^= 1 << ACTION_SOURCE[action]
        own |= 1 << cell
        if completes_formation(own, cell, code):
            return pack(own, opponent, 2, player)
    elif action != STOP:
        own ^= 1 << ACTION_SOURCE[action]
        if pending == 2 and own & uncovered_cells(own | opponent):
            return pack(own, opponent, 1, player)
    return pack(opponent, own, 0, player ^ 1)
