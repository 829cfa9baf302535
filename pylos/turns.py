"""Whole turns, compiled: what they lead to, and how many sequences of them there are (perft).

A turn is a place or a raise together with the balls taken back after it; a set of them counts once, whatever
the order. Positions here have no pending take-back, unless a function says otherwise.
"""

from __future__ import annotations

import numpy as np

from pylos.jit import jit, lowest_bit, popcount
from pylos.rules import (
    BALLS_PER_PLAYER,
    CELL_MASK,
    LIFTED_TO,
    MAX_LEGAL_ACTIONS,
    OPTIONAL,
    balls_per_player,
    completes_formation,
    occupied_cells,
    pack,
    supported_cells,
    uncovered_cells,
)

MAX_ENDS = 1 + BALLS_PER_PLAYER * (BALLS_PER_PLAYER + 1) // 2
"""Ways to take nothing back, or one ball, or two."""
MAX_TURNS = MAX_LEGAL_ACTIONS * MAX_ENDS
"""No position has more turns. A bound for buffers; it is never reached."""


@jit
def ends_of_turn(position: int, rules: int, out: np.ndarray) -> int:
    """Writes what a turn with two balls to take back can lead to and returns the number of ways.

    Whether the position says that a take-back is pending makes no difference.
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
def plain_places(position: int, rules: int, out: np.ndarray) -> int:
    """Writes what the turns lead to that place a ball and complete nothing; returns their number."""
    own = position & CELL_MASK
    opponent = position >> 30 & CELL_MASK
    turn = position >> 62 ^ 1
    if popcount(own) == balls_per_player(rules):
        return 0
    n = 0
    targets = supported_cells(occupied_cells(position, rules))
    while targets:
        cell = lowest_bit(targets)
        targets &= targets - 1
        after = own | 1 << cell
        if not completes_formation(after, cell, rules):
            out[n] = pack(opponent, after, 0, turn)
            n += 1
    return n


@jit
def other_turns(position: int, rules: int, out: np.ndarray) -> int:
    """Writes what all turns lead to that ``plain_places`` leaves out; returns their number.

    These are the raises, and the places that complete a formation.
    """
    own = position & CELL_MASK
    opponent = position >> 30 & CELL_MASK
    turn = position >> 62
    occupied = occupied_cells(position, rules)
    supported = supported_cells(occupied)
    n = 0
    if popcount(own) < balls_per_player(rules):
        targets = supported
        while targets:
            cell = lowest_bit(targets)
            targets &= targets - 1
            after = own | 1 << cell
            if completes_formation(after, cell, rules):
                n += ends_of_turn(pack(after, opponent, 0, turn), rules, out[n:])
    sources = own & uncovered_cells(occupied)
    while sources:
        source = lowest_bit(sources)
        sources &= sources - 1
        targets = supported & LIFTED_TO[source]
        while targets:
            cell = lowest_bit(targets)
            targets &= targets - 1
            after = own ^ 1 << source | 1 << cell
            if completes_formation(after, cell, rules):
                n += ends_of_turn(pack(after, opponent, 0, turn), rules, out[n:])
            else:
                out[n] = pack(opponent, after, 0, turn ^ 1)
                n += 1
    return n


@jit
def count_turns(position: int, depth: int, rules: int) -> int:
    """Counts the sequences of ``depth`` whole turns."""
    if depth == 0:
        return 1
    after = np.empty(MAX_TURNS, np.int64)
    n = plain_places(position, rules, after)
    n += other_turns(position, rules, after[n:])
    if depth == 1:
        return n
    count = 0
    for i in range(n):
        count += count_turns(after[i], depth - 1, rules)
    return count
