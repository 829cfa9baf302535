"""Positions and turns as text, and the sentences that say what is wrong with them."""

from __future__ import annotations

from pylos.errors import PositionError
from pylos.game.actions import CELL_NAMES, action_name
from pylos.game.rules import (
    ACTION_SOURCE,
    ACTION_TARGET,
    APEX,
    CELLS,
    LEVEL_SIZE,
    LEVEL_START,
    LIFTED_TO,
    LINES,
    NUM_CELLS,
    OPTIONAL,
    SQUARES,
    STOP,
    balls_per_player,
    cell_index,
    completes_formation,
    ground_cells,
    mover,
    occupied_cells,
    opponent_cells,
    own_cells,
    pack,
    rules_code,
    supported_cells,
    take_backs,
    uncovered_cells,
)

SIDES = ("white", "black")

_SUPPORTS = [
    [cell_index(level - 1, row + i, column + j) for i in (0, 1) for j in (0, 1)] if level else []
    for level, row, column in CELLS
]


def balls(position: int) -> tuple[int, int]:
    """The balls of white and of black, as masks of cells."""
    own, opponent = own_cells(position), opponent_cells(position)
    return (opponent, own) if mover(position) else (own, opponent)


def reserves(position: int, code: int) -> tuple[int, int]:
    """The balls that white and black still hold."""
    white, black = balls(position)
    return balls_per_player(code) - white.bit_count(), balls_per_player(code) - black.bit_count()


def format_position(position: int) -> str:
    """The text of a packed position: four levels, side to move, balls that may still be taken back."""
    white, black = balls(position)
    cells = "".join("w" if white >> c & 1 else "b" if black >> c & 1 else "." for c in range(NUM_CELLS))
    levels = (cells[start : start + size**2] for start, size in zip(LEVEL_START, LEVEL_SIZE, strict=True))
    return f"{'/'.join(levels)} {'wb'[mover(position)]} {take_backs(position)}"


def parse_position(text: str, rules: str) -> int:
    """The packed position of a text.

    Raises:
        PositionError: the text cannot be read, or the position cannot occur under these rules.
        RulesError: there is no such rule set.
    """
    fields = text.split()
    if len(fields) != 3:
        raise PositionError(
            f"{text!r}: expected levels, side to move and take-backs, but got {len(fields)} fields"
        )
    board, side, pending = fields
    levels = board.split("/")
    if len(levels) != 4:
        raise PositionError(f"{text!r}: expected 4 levels joined by '/', but got {len(levels)}")
    for number, (level, size) in enumerate(zip(levels, LEVEL_SIZE, strict=True), 1):
        if len(level) != size**2:
            raise PositionError(f"{text!r}: level {number} has {size**2} cells, but {len(level)} are given")
        if bad := set(level) - set(".wb"):
            raise PositionError(f"{text!r}: level {number} holds {min(bad)!r}; a cell is '.', 'w' or 'b'")
    if side not in ("w", "b"):
        raise PositionError(f"{text!r}: the side to move is 'w' or 'b', not {side!r}")
    if pending not in ("0", "1", "2"):
        raise PositionError(f"{text!r}: the balls that may be taken back are 0, 1 or 2, not {pending!r}")
    cells = "".join(levels)
    white, black = (sum(1 << c for c in range(NUM_CELLS) if cells[c] == colour) for colour in "wb")
    own, opponent = (white, black) if side == "w" else (black, white)
    position = pack(own, opponent, int(pending), int(side == "b"))
    if flaw := find_flaw(position, rules):
        raise PositionError(f"{text!r}: {flaw}")
    return position


def find_flaw(position: int, rules: str) -> str:
    """Says why a packed position cannot occur under these rules; empty if nothing speaks against it.

    Raises:
        RulesError: there is no such rule set.
    """
    code = rules_code(rules)
    if not 0 <= position < 1 << 63:
        return "a position has 63 bits"
    white, black = balls(position)
    limit = balls_per_player(code)
    if white & black:
        return f"{_first_name(white & black)} holds two balls"
    for side, mask in zip(SIDES, (white, black), strict=True):
        if mask.bit_count() > limit:
            return f"{side} has {mask.bit_count()} balls on the board; there are {limit} a side"
    if grounded := (white | black) & ground_cells(code):
        return f"there is a ball on {_first_name(grounded)}, but the mini game is played on the levels above"
    occupied = occupied_cells(position, code)
    for cell, below in enumerate(_SUPPORTS):
        if occupied >> cell & 1 and not all(occupied >> c & 1 for c in below):
            return f"the ball on {CELL_NAMES[cell]} does not rest on four balls"
    return _find_pending_flaw(position, code)


def _find_pending_flaw(position: int, code: int) -> str:
    own, pending, side = own_cells(position), take_backs(position), SIDES[mover(position)]
    if not pending:
        return ""
    if pending == 3:
        return "at most 2 balls may be taken back"
    if not code & (SQUARES | LINES):
        return "nothing is ever taken back under the children rules"
    free = own & uncovered_cells(own | opponent_cells(position))
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


def split_turn(text: str) -> list[str]:
    """The names of the actions in a turn: ``1B2-1A1=`` is ``1B2``, ``-1A1``, ``=``."""
    body, stop = (text[:-1], ["="]) if text.endswith("=") else (text, [])
    first, *taken = body.split("-")
    names = [f"-{name}" for name in taken] + stop
    return [first, *names] if first or not names else names


def explain_illegal(position: int, action: int, code: int) -> str:
    """Why an action (0-302) that is not legal in the position is not."""
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
    if source >= 0 and not LIFTED_TO[source] >> target & 1:
        return f"{CELL_NAMES[target]} rests on {CELL_NAMES[source]}"
    return f"{side} has no ball in reserve"


def illegal_sentence(position: int, action: int, code: int) -> str:
    """The whole message for an action (0-302) that is not legal in the position."""
    name = action_name(action, pending=take_backs(position))
    return f"{name} is not legal in {format_position(position)!r}: {explain_illegal(position, action, code)}"


def _first_name(mask: int) -> str:
    return CELL_NAMES[(mask & -mask).bit_length() - 1]
