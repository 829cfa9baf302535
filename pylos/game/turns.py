"""Whole turns as compiled kernels: what they lead to, and which positions lead to one.

A turn is a move (a place or a raise) together with the balls taken back after it. A set of balls taken back counts
once, whatever the order. No take-back is pending in the positions here, unless a function says otherwise.
"""

from __future__ import annotations

import numpy as np

from pylos.game.position import mover, opponent_cells, own_cells, pack
from pylos.game.rules import (
    BALLS_PER_PLAYER,
    LINES,
    MAX_LEGAL_ACTIONS,
    OPTIONAL,
    RAISED_TO,
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
"""The most ways to take back nothing, one ball, or two."""
EARNING = MAX_LEGAL_ACTIONS
"""Where a buffer for turns holds the moves that earn a take-back."""
ENDS = 2 * MAX_LEGAL_ACTIONS
"""Where it holds the ways in which one such turn can end."""
TURN_ROOM = ENDS + MAX_ENDS
"""The size of such a buffer."""
MAX_EARLIER = 16 * BALLS_PER_PLAYER * (1 + 16 + 16 * 17)
"""A bound, never reached, on the positions from which a turn leads to a given one.

At most 16 cells have room for a ball that was taken back, then at most 17 for a second.
"""


@jit
def ends_of_turn(position: int, code: int, out: np.ndarray) -> int:
    """Writes the positions to which a turn leads after a move that earned a take-back; returns their number.

    It makes no difference whether the take-back is pending in `position`.
    """
    own = own_cells(position)
    opponent = opponent_cells(position)
    next_player = mover(position) ^ 1
    n = 0
    if code & OPTIONAL:
        out[n] = pack(opponent, own, 0, next_player)
        n += 1
    free = own & uncovered_cells(own | opponent)
    firsts = free
    while firsts:
        bit = firsts & -firsts
        firsts ^= bit
        left = own ^ bit
        out[n] = pack(opponent, left, 0, next_player)
        n += 1
        # Two balls that were both free can be taken in both orders. The one with the lower cell first counts.
        seconds = left & uncovered_cells(left | opponent) & ~(free & (bit - 1))
        while seconds:
            second = seconds & -seconds
            seconds ^= second
            out[n] = pack(opponent, left ^ second, 0, next_player)
            n += 1
    return n


@jit
def moves(position: int, code: int, out: np.ndarray) -> tuple[int, int]:
    """Writes the positions to which the moves lead; returns how many end the turn, and how many earn a take-back.

    The former are in `out` from 0 on, the latter from `EARNING` on, with the take-back pending. `ends_of_turn` writes
    how one of the latter may go on; `out` has room for that from `ENDS` on.

    Args:
        position: the position.
        code: the rule set's code.
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
        n, m = _moves_to(position, own ^ 1 << source, supported & RAISED_TO[source], code, out, n, m)
    return n, m


@jit
def _moves_to(
    position: int, own: int, targets: int, code: int, out: np.ndarray, n: int, m: int
) -> tuple[int, int]:
    """Adds the moves that put a ball on one of the targets, `own` being the mover's other balls."""
    opponent = opponent_cells(position)
    player = mover(position)
    while targets:
        bit = targets & -targets
        targets ^= bit
        after = own | bit
        if formation_cells(after, code) & bit:
            out[EARNING + m] = pack(after, opponent, 2, player)
            m += 1
        else:
            out[n] = pack(opponent, after, 0, player ^ 1)
            n += 1
    return n, m


@jit
def _undone(own: int, opponent: int, player: int, code: int, take_back: bool, out: np.ndarray) -> int:
    """Writes the positions from which a move leads to these balls; returns their number.

    Args:
        own: the balls of the player who moved.
        opponent: the balls of the other one.
        player: the player who moved.
        code: the rule set's code.
        take_back: whether to undo only moves that complete a formation, else only those that may end the turn.
        out: int64, receives the positions.
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
        out[n] = pack(own ^ bit, opponent, 0, player)
        n += 1
        sources = supported_cells(occupied ^ bit)
        while sources:
            source = sources & -sources
            sources ^= source
            if RAISED_TO[lowest_bit(source)] & bit:
                out[n] = pack(own ^ bit ^ source, opponent, 0, player)
                n += 1
    return n


@jit
def earlier_positions(position: int, code: int, out: np.ndarray) -> int:
    """Writes the positions from which a turn leads to this one; returns their number. Some are written twice or more.

    `out` needs room for `MAX_EARLIER`.
    """
    opponent = own_cells(position)
    own = opponent_cells(position)
    player = mover(position) ^ 1
    n = _undone(own, opponent, player, code, False, out)
    if not code & (SQUARES | LINES) or popcount(own) == balls_per_player(code):
        return n
    free = supported_cells(occupied_cells(position, code))
    firsts = free
    while firsts:
        bit = firsts & -firsts
        firsts ^= bit
        once = own | bit
        n += _undone(once, opponent, player, code, True, out[n:])
        if popcount(once) == balls_per_player(code):
            continue
        # Two balls that have room at once can be put back in both orders. The one with the lower cell first counts.
        seconds = supported_cells(occupied_cells(position, code) | bit) & ~(free & (bit - 1))
        while seconds:
            second = seconds & -seconds
            seconds ^= second
            n += _undone(once | second, opponent, player, code, True, out[n:])
    return n
