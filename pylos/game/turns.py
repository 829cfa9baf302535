"""Whole turns, compiled: what they lead to, and how many sequences of them there are (perft).

A turn is a place or a raise together with the balls taken back after it; a set of them counts once, whatever
the order. Positions here have no pending take-back, unless a function says otherwise.
"""

from __future__ import annotations

import numpy as np

from pylos.game.position import mover, opponent_cells, own_cells, pack
from pylos.game.rules import (
    BALLS_PER_PLAYER,
    LIFTED_TO,
    LINES,
    MAX_LEGAL_ACTIONS,
    OPTIONAL,
    SQUARES,
    balls_per_player,
    formation_cells,
    ground_cells,
    occupied_cells,
    supported_cells,
    uncovered_cells,
)
from pylos.kernels.bits import lowest_bit, popcount
from pylos.kernels.jit import jit

MAX_ENDS = 1 + BALLS_PER_PLAYER * (BALLS_PER_PLAYER + 1) // 2
"""Ways to take nothing back, or one ball, or two."""
EARNING, ENDS = MAX_LEGAL_ACTIONS, 2 * MAX_LEGAL_ACTIONS
"""Where a buffer for turns holds the moves that earn a take-back, and how the turn may end after one of them."""
TURN_ROOM = ENDS + MAX_ENDS
"""The size of such a buffer."""
MAX_EARLIER = 16 * BALLS_PER_PLAYER * (1 + 16 + 16 * 17)
"""No turns lead to a position from more: there is room for 16 balls at most, then for 17 others. Never reached."""


@jit
def ends_of_turn(position: int, code: int, out: np.ndarray) -> int:
    """Writes what a turn with two balls to take back can lead to and returns the number of ways.

    Whether the position says that a take-back is pending makes no difference.
    """
    own = own_cells(position)
    opponent = opponent_cells(position)
    turn = mover(position) ^ 1
    n = 0
    if code & OPTIONAL:
        out[n] = pack(opponent, own, 0, turn)
        n += 1
    free = own & uncovered_cells(own | opponent)
    firsts = free
    while firsts:
        bit = firsts & -firsts
        firsts ^= bit
        left = own ^ bit
        out[n] = pack(opponent, left, 0, turn)
        n += 1
        # A pair of balls that were both free is met in both orders: take it with the lower cell first.
        seconds = left & uncovered_cells(left | opponent) & ~(free & (bit - 1))
        while seconds:
            second = seconds & -seconds
            seconds ^= second
            out[n] = pack(opponent, left ^ second, 0, turn)
            n += 1
    return n


@jit
def moves(position: int, code: int, out: np.ndarray) -> tuple[int, int]:
    """Writes what the places and raises lead to; returns how many end the turn, and how many earn a take-back.

    The former are in ``out`` from 0 on, the latter from ``EARNING`` on, with the take-back pending:
    ``ends_of_turn`` says how each may go on, for which ``out`` has room from ``ENDS`` on.

    Args:
        position: the position.
        code: the rule set's number.
        out: int64 [>= TURN_ROOM].
    """
    own = own_cells(position)
    occupied = occupied_cells(position, code)
    supported = supported_cells(occupied)
    n = m = 0
    if popcount(own) < balls_per_player(code):
        n, m = _moves_to(position, own, supported, code, out, n, m)
    sources = own & uncovered_cells(occupied)
    while sources:
        source = lowest_bit(sources)
        sources &= sources - 1
        n, m = _moves_to(position, own ^ 1 << source, supported & LIFTED_TO[source], code, out, n, m)
    return n, m


@jit
def _moves_to(
    position: int, own: int, targets: int, code: int, out: np.ndarray, n: int, m: int
) -> tuple[int, int]:
    """Adds the moves that put a ball beside these on one of the targets."""
    opponent = opponent_cells(position)
    turn = mover(position)
    while targets:
        bit = targets & -targets
        targets ^= bit
        after = own | bit
        if formation_cells(after, code) & bit:
            out[EARNING + m] = pack(after, opponent, 2, turn)
            m += 1
        else:
            out[n] = pack(opponent, after, 0, turn ^ 1)
            n += 1
    return n, m


@jit
def _undone(own: int, opponent: int, turn: int, code: int, take_back: bool, out: np.ndarray) -> int:
    """Writes from where a place or a raise leads to these balls, ``own`` those of who moved; returns the number.

    With ``take_back`` only those that complete a formation, else only those after which the turn may end at once.
    """
    formations = formation_cells(own, code)
    if take_back and not formations:
        return 0
    occupied = own | opponent | ground_cells(code)
    moved = own & uncovered_cells(occupied)
    if take_back:
        moved &= formations
    elif not code & OPTIONAL:
        moved &= ~formations
    n = 0
    while moved:
        bit = moved & -moved
        moved ^= bit
        out[n] = pack(own ^ bit, opponent, 0, turn)
        n += 1
        sources = supported_cells(occupied ^ bit)
        while sources:
            source = sources & -sources
            sources ^= source
            if LIFTED_TO[lowest_bit(source)] & bit:
                out[n] = pack(own ^ bit ^ source, opponent, 0, turn)
                n += 1
    return n


@jit
def earlier_positions(position: int, code: int, out: np.ndarray) -> int:
    """Writes the positions from which a turn leads to this one, some more than once; returns their number.

    ``out`` needs room for ``MAX_EARLIER``.
    """
    opponent = own_cells(position)
    own = opponent_cells(position)
    turn = mover(position) ^ 1
    n = _undone(own, opponent, turn, code, False, out)
    if not code & (SQUARES | LINES) or popcount(own) == balls_per_player(code):
        return n
    free = supported_cells(occupied_cells(position, code))
    firsts = free
    while firsts:
        bit = firsts & -firsts
        firsts ^= bit
        once = own | bit
        n += _undone(once, opponent, turn, code, True, out[n:])
        if popcount(once) == balls_per_player(code):
            continue
        # Two balls that had room at once are met in both orders: put the lower cell's back first.
        seconds = supported_cells(occupied_cells(position, code) | bit) & ~(free & (bit - 1))
        while seconds:
            second = seconds & -seconds
            seconds ^= second
            n += _undone(once | second, opponent, turn, code, True, out[n:])
    return n
