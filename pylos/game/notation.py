"""Positions and turns as text.

The text of a position has three fields: the cells, the side to move (`w` or `b`), and how many balls may still be
taken back. The cells are the four levels from the bottom, each row by row, joined by `/`: `.` is an empty cell, `w` or
`b` a ball. The start is `................/........./..../. w 0`. The reserves follow from the balls on the board.

A turn is its actions written together: `1B2`, `1B2^2A1`, `1B2-1A1`, `1B2-1A1-1C3`, `1B2=`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pylos.errors import PositionError
from pylos.game.actions import action_name
from pylos.game.explanations import can_occur, why_impossible
from pylos.game.position import NUM_CELLS, cells_by_side, mover, pack, take_backs
from pylos.game.rules import LEVEL_SIZE, LEVEL_START, STOP, rules_code
from pylos.kernels.jit import jit

_EMPTY = "................/........./..../. w 0"
_LAYOUT = np.frombuffer(_EMPTY.encode("ascii"), np.uint8)
_CELL, _WHITE, _BLACK, _ZERO = map(ord, ".wb0")
_DIGITS = str.maketrans(".wb", "010"), str.maketrans(".wb", "001")
"""For each colour, the bit of each cell as a digit."""


def format_position(position: int) -> str:
    """The text of a packed position."""
    white, black = cells_by_side(position)
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
            f"{text!r}: expected three fields (levels, side to move, take-backs), but got {len(fields)}"
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
    cells = "".join(levels)[::-1]  # the first cell is the lowest bit
    white, black = (int(cells.translate(digits), 2) for digits in _DIGITS)
    own, opponent = (white, black) if side == "w" else (black, white)
    position = pack(own, opponent, int(pending), int(side == "b"))
    if reason := why_impossible(position, rules):
        raise PositionError(f"{text!r}: {reason}")
    return position


def parse_positions(texts: Sequence[str], rules: str) -> list[int]:
    """The packed positions of many texts at once, -1 where `parse_position` has to look.

    That is so where it would find something to say, and where a text has other spaces than `format_position` writes.

    Raises:
        RulesError: there is no such rule set.
    """
    code, size = rules_code(rules), len(_EMPTY)
    content = "".join(text if len(text) == size and text.isascii() else " " * size for text in texts)
    positions = np.empty(len(texts), np.int64)
    _parse(np.frombuffer(content.encode("ascii"), np.uint8), code, positions)
    packed: list[int] = positions.tolist()
    return packed


@jit
def _parse(content: np.ndarray, code: int, positions: np.ndarray) -> None:
    """Writes the positions of texts that lie one after the other in `content`, see `parse_positions`."""
    size = _LAYOUT.shape[0]
    for i in range(positions.shape[0]):
        text = content[i * size : (i + 1) * size]
        cell, white, black, good = 0, 0, 0, True
        for k in range(size):
            letter = text[k]
            if _LAYOUT[k] == _CELL:
                white |= int(letter == _WHITE) << cell
                black |= int(letter == _BLACK) << cell
                good = good and letter in (_CELL, _WHITE, _BLACK)
                cell += 1
            elif k == size - 3:
                good = good and letter in (_WHITE, _BLACK)
            elif k == size - 1:
                good = good and letter in (_ZERO, _ZERO + 1, _ZERO + 2)
            else:
                good = good and letter == _LAYOUT[k]
        blacks_turn = text[size - 3] == _BLACK
        own, opponent = (black, white) if blacks_turn else (white, black)
        position = pack(own, opponent, int(text[size - 1]) - _ZERO, int(blacks_turn))
        positions[i] = position if good and can_occur(position, code) else -1


def split_turn(text: str) -> list[str]:
    """The names of the actions in a turn: `1B2-1A1=` is `1B2`, `-1A1`, `=`."""
    body, stop = (text[:-1], ["="]) if text.endswith("=") else (text, [])
    first, *taken = body.split("-")
    names = [f"-{name}" for name in taken] + stop
    return [first, *names] if first or not names else names


def join_turns(steps: Iterable[tuple[int, int]]) -> list[str]:
    """Actions as turns that `Board.push` reads. The last one may be unfinished.

    Args:
        steps: for each action, how many balls may be taken back before it, and its id.
    """
    turns: list[str] = []
    for pending, action in steps:
        if pending == 0 or not turns:
            turns.append(action_name(action, pending))
        elif action != STOP or pending == 2 or turns[-1].startswith("-"):
            # A turn that is written from its start implies the stop after its first ball.
            turns[-1] += action_name(action, pending)
    return turns
