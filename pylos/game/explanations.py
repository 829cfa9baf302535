"""Why a position cannot occur, and why an action is not legal, in words."""

from __future__ import annotations

from pylos.game.actions import CELL_NAMES
from pylos.game.position import (
    NUM_CELLS,
    SIDES,
    cells_by_side,
    mover,
    opponent_cells,
    own_cells,
    take_backs,
)
from pylos.game.rules import (
    ACTION_SOURCE,
    ACTION_TARGET,
    APEX,
    LINES,
    OPTIONAL,
    RAISED_TO,
    SQUARES,
    STOP,
    balls_per_player,
    completes_formation,
    formation_cells,
    ground_cells,
    occupied_cells,
    rules_code,
    supported_cells,
    uncovered_cells,
)
from pylos.kernels.bits import popcount
from pylos.kernels.jit import jit


def why_impossible(position: int, rules: str) -> str:
    """Why a packed position cannot occur under these rules; empty if nothing speaks against it.

    Raises:
        RulesError: there is no such rule set.
    """
    code = rules_code(rules)
    if not 0 <= position < 1 << 63:
        return "a position has 63 bits"
    white, black = cells_by_side(position)
    limit = balls_per_player(code)
    if white & black:
        return f"{_first_name(white & black)} holds two balls"
    for side, mask in zip(SIDES, (white, black), strict=True):
        if mask.bit_count() > limit:
            return f"{side} has {mask.bit_count()} balls on the board; there are {limit} a side"
    if grounded := (white | black) & ground_cells(code):
        return f"there is a ball on {_first_name(grounded)}, but the mini game is played on the levels above"
    if floating := _floating_balls(white | black, occupied_cells(position, code)):
        return f"the ball on {_first_name(floating)} does not rest on four balls"
    return _why_no_take_back(position, code)


@jit
def can_occur(position: int, code: int) -> bool:
    """Whether a packed position can occur. `why_impossible` says why not."""
    own, opponent, pending = own_cells(position), opponent_cells(position), take_backs(position)
    balls = own | opponent
    most = balls_per_player(code)
    if position < 0 or own & opponent or popcount(own) > most or popcount(opponent) > most:
        return False
    if balls & ground_cells(code):
        return False
    occupied = occupied_cells(position, code)
    left = balls
    while left:
        ball = left & -left
        if not supported_cells(occupied ^ ball) & ball:
            return False
        left ^= ball
    if pending == 0:
        return True
    free = own & uncovered_cells(balls)
    if pending == 3 or not free or not code & (SQUARES | LINES):
        return False
    return popcount(own) < most if pending == 1 else formation_cells(own, code) & free != 0


@jit
def _floating_balls(balls: int, occupied: int) -> int:
    """The balls that do not rest on four others, nor on the ground."""
    floating = 0
    for cell in range(NUM_CELLS):
        ball = balls & 1 << cell
        floating |= ball & ~supported_cells(occupied ^ ball)
    return floating


def _why_no_take_back(position: int, code: int) -> str:
    """Why the take-back that is pending in a position cannot be; empty if it can, or none is pending."""
    own, pending, side = own_cells(position), take_backs(position), SIDES[mover(position)]
    if not pending:
        return ""
    if pending == 3:
        return "at most 2 balls may be taken back"
    if not code & (SQUARES | LINES):
        return "nothing is ever taken back under the children rules"
    free = own & uncovered_cells(occupied_cells(position, code))
    if not free:
        return f"{side} has no ball that could be taken back"
    if pending == 1 and own.bit_count() == balls_per_player(code):
        return (
            f"{side} has all {balls_per_player(code)} balls on the board, so a first ball was not taken back"
        )
    if pending == 2 and not any(
        free >> c & 1 and completes_formation(own, c, code) for c in range(NUM_CELLS)
    ):
        return f"{side} has just completed no formation, so there is nothing to take back"
    return ""


def why_illegal(position: int, action: int, code: int) -> str:
    """Why an action (0-302) is not legal in a position. Call it only for such an action."""
    own, occupied, pending = own_cells(position), occupied_cells(position, code), take_backs(position)
    side = SIDES[mover(position)]
    source, target = int(ACTION_SOURCE[action]), int(ACTION_TARGET[action])
    takes_back = source >= 0 and target == APEX
    if pending and not takes_back:
        if action == STOP and not code & OPTIONAL:
            return f"{side} must take back at least one ball"
        return f"{side} has a ball to take back first"
    if takes_back and not pending:
        return "no take-back is pending"
    if source >= 0:
        if not own >> source & 1:
            return f"{side} has no ball on {CELL_NAMES[source]}"
        if not uncovered_cells(occupied) >> source & 1:
            return f"a ball rests on {CELL_NAMES[source]}"
    if ground_cells(code) >> target & 1:
        return f"{CELL_NAMES[target]} is ground, on which nobody plays"
    if occupied >> target & 1:
        return f"{CELL_NAMES[target]} is occupied"
    if not supported_cells(occupied) >> target & 1:
        return f"{CELL_NAMES[target]} does not rest on four balls"
    if source >= 0 and not RAISED_TO[source] >> target & 1:
        return f"{CELL_NAMES[target]} rests on {CELL_NAMES[source]}"
    return f"{side} has no ball in reserve"


def _first_name(mask: int) -> str:
    return CELL_NAMES[(mask & -mask).bit_length() - 1]
