"""Kernels that solve the game by retrograde analysis: sweeps over all positions of a shape.

Two tables, in the order of `pylos.indexing`. *Values* hold two bits a position, four positions to a byte:
UNKNOWN (once everything is solved: a draw), LOSS or WIN for the mover. *Distances* hold one byte a position:
0 for a draw or not yet known, else one more than the number of turns to the end with best play (a win hurries,
a loss delays).

Both are filled in place, and what is written is final. A value is written once it follows from the successors:
WIN if one of them is lost, LOSS if all of them are won. What never follows is a draw: either side can go on for
ever. (Zermelo, 1913; von Neumann and Morgenstern, 1944, section 15; retrograde analysis: Thompson, 1986.)

Distances are written in the order of their *excess*, half the turns beyond a bound that the reserve gives. Who
loses must have played all of its balls, and a turn adds at most one, so a loss takes at least 2 * (own reserve)
turns and a win at least 2 * (opponent's reserve) + 1. A win has the least excess among its lost successors; a
loss the greatest among its successors, where a turn that adds d balls counts 1 - d (0 to 3) extra. So the sweeps
of one excess need nothing of a higher one, and the first distance that follows is the right one.
"""

from __future__ import annotations

import numpy as np

from pylos.actions import NUM_SYMMETRIES, moved_mask
from pylos.indexing import Index, locate, next_word, nth_word, rank, shape_of
from pylos.jit import gather_bits, jit, lowest_bit, popcount, scatter_bits
from pylos.rules import (
    CELL_MASK,
    LIFTED_TO,
    LINES,
    NUM_CELLS,
    SQUARES,
    balls_per_player,
    occupied_cells,
    supported_cells,
    uncovered_cells,
)
from pylos.turns import other_turns, plain_places

UNKNOWN, LOSS, WIN = 0, 1, 2
MAX_EXCESS = 110
"""More would not fit a byte."""
MAX_EXTRA = 3
"""The most that a turn of a lost position adds to the excess of what it leads to."""


@jit
def read_value(values: np.ndarray, number: int) -> int:
    """The value of the position with this number."""
    return values[number >> 2] >> 2 * (number & 3) & 3


@jit
def list_positions(index: Index, rules: int, shape: int, first: int, out: np.ndarray) -> int:
    """Writes the positions of a shape from the number ``first`` on; returns how many there are, at most a row.

    A position that looks the same as an earlier one of its shape, turned some way, is given as -1 - (the
    number of the earliest).
    """
    pile, symmetries = index.shapes[shape], index.symmetries[shape]
    offset, balls = index.offsets[shape], popcount(pile)
    n = min(out.shape[0], offset + index.sizes[shape] - first)
    word = nth_word(index, balls, first - offset, balls_per_player(rules))
    for i in range(n):
        own = scatter_bits(word, pile)
        earliest = own
        for s in range(1, NUM_SYMMETRIES):
            if symmetries >> s & 1:
                earliest = min(earliest, moved_mask(own, s))
        if earliest == own:
            out[i] = own | (pile ^ own) << NUM_CELLS
        else:
            out[i] = -1 - offset - rank(index, gather_bits(earliest, pile), balls)
        word = next_word(word, balls)
    return n


@jit
def _number(index: Index, position: int) -> int:
    return locate(index, position & CELL_MASK, position >> NUM_CELLS & CELL_MASK)


# Values ------------------------------------------------------------------------------------------------------


@jit
def _fold_values(index: Index, values: np.ndarray, after: np.ndarray, n: int) -> int:
    """What ``n`` successors mean for the mover: WIN, LOSS (as far as they go) or UNKNOWN."""
    result = LOSS
    for i in range(n):
        value = read_value(values, _number(index, after[i]))
        if value == LOSS:
            return WIN
        if value == UNKNOWN:
            result = UNKNOWN
    return result


@jit
def _value(index: Index, values: np.ndarray, position: int, rules: int, after: np.ndarray) -> int:
    """The value of a position as far as it follows from its successors. ``after`` is room for them."""
    places = _fold_values(index, values, after, plain_places(position, rules, after))
    if places == WIN:
        return WIN
    others = _fold_values(index, values, after, other_turns(position, rules, after))
    return others if places == LOSS or others == WIN else UNKNOWN


@jit
def sweep_values(
    index: Index, values: np.ndarray, rules: int, first: int, positions: np.ndarray, after: np.ndarray
) -> int:
    """Writes the values that follow for ``positions`` (see ``list_positions``); returns how many."""
    written = 0
    for i in range(positions.shape[0]):
        number, position = first + i, positions[i]
        if read_value(values, number) == UNKNOWN:
            if position < 0:
                value = read_value(values, -1 - position)
            else:
                value = _value(index, values, position, rules, after)
            if value != UNKNOWN:
                values[number >> 2] |= value << 2 * (number & 3)
                written += 1
    return written


@jit
def check_values(
    index: Index, values: np.ndarray, rules: int, first: int, positions: np.ndarray, after: np.ndarray
) -> int:
    """The number of ``positions`` whose value does not follow from its successors."""
    wrong = 0
    for i in range(positions.shape[0]):
        position = positions[i]
        if position < 0:
            expected = read_value(values, -1 - position)
        else:
            expected = _value(index, values, position, rules, after)
        wrong += read_value(values, first + i) != expected
    return wrong


# Distances ---------------------------------------------------------------------------------------------------


@jit
def _least_lost(index: Index, distances: np.ndarray, after: np.ndarray, n: int, hasty: bool) -> int:
    """The least entry of a lost successor (an odd one), or 0; if ``hasty``, that of the first one found."""
    least = 0
    for i in range(n):
        distance = np.int64(distances[_number(index, after[i])])
        if distance & 1 and (least == 0 or distance < least):
            least = distance
            if hasty:
                return least
    return least


@jit
def _greatest(index: Index, distances: np.ndarray, after: np.ndarray, n: int, most: int) -> int:
    """The greatest entry of any successor, 0 if there is none; -1 if one is unknown or above ``most``."""
    greatest = 0
    for i in range(n):
        distance = np.int64(distances[_number(index, after[i])])
        if distance == 0 or distance > most:
            return -1
        greatest = max(greatest, distance)
    return greatest


@jit
def _win_distance(
    index: Index, distances: np.ndarray, position: int, rules: int, after: np.ndarray, hasty: bool
) -> int:
    """The entry of a won position, 0 if it does not follow yet."""
    best = _least_lost(index, distances, after, plain_places(position, rules, after), hasty)
    if best == 0 or not hasty:
        other = _least_lost(index, distances, after, other_turns(position, rules, after), hasty)
        if best == 0 or 0 < other < best:
            best = other
    return best + 1 if best else 0


@jit
def _loss_distance(
    index: Index, distances: np.ndarray, position: int, rules: int, after: np.ndarray, most: int
) -> int:
    """The entry of a lost position, 0 if it does not follow yet or is above ``most``."""
    worst = _greatest(index, distances, after, plain_places(position, rules, after), most - 1)
    if worst >= 0:
        other = _greatest(index, distances, after, other_turns(position, rules, after), most - 1)
        worst = max(worst, other) if other >= 0 else -1
    return worst + 1


@jit
def _bound(position: int, value: int, rules: int) -> int:
    """The least entry that a decided position can have (see the module's text)."""
    loser = position & CELL_MASK if value == LOSS else position >> NUM_CELLS & CELL_MASK
    return 1 + 2 * (balls_per_player(rules) - popcount(loser)) + (value == WIN)


@jit
def sweep_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, rules: int, excess: int, first: int,
    positions: np.ndarray, after: np.ndarray,
) -> int:  # fmt: skip
    """Writes the distances of this excess that follow for ``positions``; returns how many.

    Those of any lower excess must all be written.
    """
    written = 0
    for i in range(positions.shape[0]):
        number, position = first + i, positions[i]
        value = read_value(values, number)
        if value == UNKNOWN or distances[number]:
            continue
        if position < 0:
            distance = np.int64(distances[-1 - position])
        elif value == WIN:
            distance = _win_distance(index, distances, position, rules, after, True)
        else:
            most = _bound(position, value, rules) + 2 * excess
            distance = _loss_distance(index, distances, position, rules, after, most)
        if distance:
            distances[number] = distance
            written += 1
    return written


@jit
def check_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, rules: int, first: int, positions: np.ndarray,
    after: np.ndarray,
) -> int:  # fmt: skip
    """The number of ``positions`` whose distance does not follow from its successors and its value."""
    wrong = 0
    for i in range(positions.shape[0]):
        position = positions[i]
        value = read_value(values, first + i)
        if value == UNKNOWN:
            expected = 0
        elif position < 0:
            expected = np.int64(distances[-1 - position])
        elif value == WIN:
            expected = _win_distance(index, distances, position, rules, after, False)
        else:
            expected = _loss_distance(index, distances, position, rules, after, 255)
        # Losses have odd entries, wins even ones that are not 0.
        fits = (expected & 1) == (value == LOSS) and (expected > 0) == (value != UNKNOWN)
        wrong += distances[first + i] != expected or not fits
    return wrong


@jit
def survey_distances(
    values: np.ndarray, distances: np.ndarray, rules: int, first: int, positions: np.ndarray
) -> tuple[int, int]:
    """How many ``positions`` lack the distance they must have, and the highest excess of the others, or -1."""
    missing, highest = 0, -1
    for i in range(positions.shape[0]):
        value, distance = read_value(values, first + i), np.int64(distances[first + i])
        if value != UNKNOWN and distance == 0:
            missing += 1
        elif distance and positions[i] >= 0:
            highest = max(highest, (distance - _bound(positions[i], value, rules)) >> 1)
    return missing, highest


# What a table holds ------------------------------------------------------------------------------------------


@jit
def tally(
    values: np.ndarray, distances: np.ndarray, first: int, positions: np.ndarray, counts: np.ndarray
) -> None:
    """Adds to ``counts`` [256, 3, 2]: positions by entry and value, once all and once without images.

    Without a table of distances (an empty array) every entry is 0.
    """
    for i in range(positions.shape[0]):
        value = read_value(values, first + i)
        distance = np.int64(distances[first + i]) if distances.shape[0] else 0
        counts[distance, value, 0] += 1
        counts[distance, value, 1] += positions[i] >= 0


# Which shapes depend on which --------------------------------------------------------------------------------


@jit
def successor_shapes(index: Index, rules: int, shape: int, out: np.ndarray) -> int:
    """Writes the shapes that a turn may lead to, whatever the colouring, and some more than once."""
    pile = index.shapes[shape]
    supported = supported_cells(occupied_cells(pile, rules))
    n = 0
    sources = np.int64(1) << NUM_CELLS | pile & uncovered_cells(pile)  # bit 30: from the reserve
    while sources:
        source = sources & -sources
        sources ^= source
        targets = supported
        if source >> NUM_CELLS == 0:
            targets &= LIFTED_TO[lowest_bit(source)]
        while targets:
            after = pile & ~source | targets & -targets
            targets &= targets - 1
            out[n] = shape_of(index, after)
            n += 1
            if rules & (SQUARES | LINES):
                n += _shapes_after_take_back(index, after, out[n:])
    return n


@jit
def _shapes_after_take_back(index: Index, pile: int, out: np.ndarray) -> int:
    n = 0
    firsts = pile & uncovered_cells(pile)
    while firsts:
        left = pile ^ firsts & -firsts
        firsts &= firsts - 1
        out[n] = shape_of(index, left)
        n += 1
        seconds = left & uncovered_cells(left)
        while seconds:
            out[n] = shape_of(index, left ^ seconds & -seconds)
            n += 1
            seconds &= seconds - 1
    return n
