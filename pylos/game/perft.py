"""Perft: how many sequences of whole turns there are. It shows whether two programs play by the same rules."""

from __future__ import annotations

import numpy as np

from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.game.turns import EARNING, ENDS, TURN_ROOM, ends_of_turn, moves
from pylos.kernels.jit import jit


def perft(board: Board, depth: int) -> int:
    """Counts the sequences of `depth` whole turns from a board.

    A set of balls taken back counts once, whatever the order. Where a take-back is pending, the rest of that turn
    counts as the first one.

    >>> perft(Board(), 3)
    3360

    Raises:
        ValueError: the depth is negative.
    """
    if depth < 0:
        raise ValueError(f"depth is a number of turns, at least 0, but got {depth}")
    code = rules_code(board.rules)
    if depth == 0 or not board.pending:
        return count_turns(board.position, depth, code)
    return sum(count_turns(position, depth - 1, code) for position in _ends_of_turn(board))


def _ends_of_turn(board: Board) -> set[int]:
    """The packed positions in which a pending take-back can end."""
    if not board.pending:
        return {board.position}
    ends: set[int] = set()
    for action in board.legal_actions:
        board = board.copy()
        board.push(action)
        ends |= _ends_of_turn(board)
        board.pop()
    return ends


@jit
def count_turns(position: int, depth: int, code: int) -> int:
    """Counts the sequences of `depth` whole turns from a position without a pending take-back."""
    if depth == 0:
        return 1
    room = np.empty(TURN_ROOM, np.int64)
    n, m = moves(position, code, room)
    count = n if depth == 1 else 0
    for i in range(0 if depth == 1 else n):
        count += count_turns(room[i], depth - 1, code)
    for i in range(m):
        ends = ends_of_turn(room[EARNING + i], code, room[ENDS:])
        count += ends if depth == 1 else 0
        for k in range(0 if depth == 1 else ends):
            count += count_turns(room[ENDS + k], depth - 1, code)
    return count
