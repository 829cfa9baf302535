"""perft, compiled: how many sequences of whole turns a position allows.

One kernel that calls itself, with the take-back beside it. Two kernels that call each other compile, but crash
when the next process loads them from numba's cache.
"""

from __future__ import annotations

import numpy as np

from pylos.jit import jit
from pylos.rules import (
    BALLS_PER_PLAYER,
    CELL_MASK,
    NUM_ACTIONS,
    OPTIONAL,
    legal_actions,
    pack,
    step,
    uncovered_cells,
)

_MAX_ENDS = 1 + BALLS_PER_PLAYER * (BALLS_PER_PLAYER + 1) // 2
"""Ways to take nothing back, or one ball, or two."""


@jit
def _ends_of_turn(position: int, rules: int, out: np.ndarray) -> int:
    """Writes what a turn with two balls to take back can lead to and returns the number of ways.

    A set of balls counts once, whatever the order.
    """
    own = position & CELL_MASK
    opponent = position >> 30 & CELL_MASK
    turn = position >> 62 ^ 1
    n = 0
    if rules & OPTIONAL:
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
def count_turns(position: int, depth: int, rules: int) -> int:
    """Counts the sequences of ``depth`` whole turns from a position without a pending take-back."""
    if depth == 0:
        return 1
    actions = np.empty(NUM_ACTIONS, np.int64)
    count = 0
    for i in range(legal_actions(position, rules, actions)):
        after = step(position, actions[i], rules)
        if after >> 60 & 3 == 0:
            count += count_turns(after, depth - 1, rules)
            continue
        ends = np.empty(_MAX_ENDS, np.int64)
        for j in range(_ends_of_turn(after, rules, ends)):
            count += count_turns(ends[j], depth - 1, rules)
    return count
