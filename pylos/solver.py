"""Kernels that solve the game by retrograde analysis: sweeps over all positions of a shape.

Two tables, in the order of `pylos.indexing`. *Values* hold two bits a position, four positions to a byte:
UNKNOWN (once everything is solved: a draw), LOSS or WIN for the mover. *Distances* hold one byte a position:
0 for a draw, else one more than the number of turns to the end with best play (a win hurries, a loss delays),
so that a lost position has an odd entry and a won one an even entry.

Both are filled in place. A value is written, once and for all, when it follows from the successors: WIN if one
of them is lost, LOSS if all of them are won. What never follows is a draw: either side can go on for ever.
(Zermelo, 1913; retrograde analysis: Thompson, 1986.)

Distances begin as lower bounds, marked OPEN. Who loses must have played all of its balls, and a turn adds one
at most: a loss takes at least 2 * (own reserve) turns, a win 2 * (opponent's reserve) + 1. Half of what the
true distance is above that is a position's *excess*. A win has the least excess of its lost successors (they
all have the same bound); a loss the greatest of its successors, where a turn that adds d balls counts 1 - d
more. The sweeps close an entry once its successors leave no doubt: a loss when all of them are closed, a win
when a closed one is as near as the open ones can be. While every open entry has an excess of e or more, a sweep
of excess e may count on that; when nothing follows any more, everything open has e + 1 or more. Bounds rise with
those of the successors on the way, and what has a bound of more than e is not looked at for so long.

The true distances are the only finite solution of the equations "a win is one more than the least of its lost
successors, a loss one more than the greatest of its successors". (Of two solutions, take a position at which they
differ and whose smaller entry is the least of all such: the successor that gives the smaller entry has a smaller
one still, and there the two agree; contradiction.) So a table that fulfils them everywhere is proven, and its
values with it.
"""

from __future__ import annotations

import numpy as np

from pylos.actions import NUM_SYMMETRIES, moved_mask
from pylos.indexing import Index, locate, next_word, nth_word, own_balls, rank
from pylos.jit import gather_bits, jit, popcount, scatter_bits
from pylos.rules import (
    CELL_MASK,
    NUM_CELLS,
    balls_per_player,
)
from pylos.turns import other_turns, plain_places

UNKNOWN, LOSS, WIN = 0, 1, 2
OPEN = 128
"""Marks a distance that is a lower bound so far. Without it distances go up to 126."""
_ALL_BALLS = (1 << 2 * NUM_CELLS) - 1
_NO_ENTRY = 4 * OPEN - 1
_FAR = 24
"""So many colourings on, it is quicker to begin anew than to go through those between."""


@jit
def read_value(values: np.ndarray, number: int) -> int:
    """The value of the position with this number."""
    return values[number >> 2] >> 2 * (number & 3) & 3


@jit
def list_positions(
    index: Index, rules: int, shape: int, first: int, rows: np.ndarray, out: np.ndarray
) -> None:
    """Writes the positions of a shape with the numbers ``first + rows`` (ascending).

    A position that looks the same as an earlier one of its shape, turned some way, is given as -1 - (the
    number of the earliest).
    """
    pile, symmetries = index.shapes[shape], index.symmetries[shape]
    offset, balls = index.offsets[shape], popcount(pile)
    word, at = 0, -_FAR
    for i in range(rows.shape[0]):
        row = np.int64(rows[i])
        if row - at >= _FAR:
            word, at = nth_word(index, balls, first - offset + row, balls_per_player(rules)), row
        while at < row:
            word, at = next_word(word, balls), at + 1
        own = scatter_bits(word, pile)
        earliest = own
        if symmetries != 1:
            for s in range(1, NUM_SYMMETRIES):
                if symmetries >> s & 1:
                    earliest = min(earliest, moved_mask(own, s))
        if earliest == own:
            out[i] = own | (pile ^ own) << NUM_CELLS
        else:
            out[i] = -1 - offset - rank(index, gather_bits(earliest, pile), balls)


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
    """The value of a position (see ``list_positions``) as far as it follows; ``after`` is room for successors."""
    if position < 0:
        return np.int64(read_value(values, -1 - position))
    places = _fold_values(index, values, after, plain_places(position, rules, after))
    if places == WIN:
        return WIN
    others = _fold_values(index, values, after, other_turns(position, rules, after))
    return others if places == LOSS or others == WIN else UNKNOWN


@jit
def without_value(values: np.ndarray, first: int, n: int, rows: np.ndarray) -> int:
    """Writes the rows (0 to n - 1) of the numbers from ``first`` on that have no value; returns how many."""
    m = 0
    for row in range(0, n, 4):
        four = values[first + row >> 2]
        if (four | four >> 1) & 0x55 != 0x55:
            for k in range(row, min(row + 4, n)):
                if read_value(values, first + k) == UNKNOWN:
                    rows[m] = k
                    m += 1
    return m


@jit
def sweep_values(
    index: Index, values: np.ndarray, rules: int, first: int, rows: np.ndarray, positions: np.ndarray,
    after: np.ndarray,
) -> int:  # fmt: skip
    """Writes the values that follow for ``positions`` without one (see ``list_positions``); returns how many."""
    written = 0
    for i in range(rows.shape[0]):
        number = first + rows[i]
        value = _value(index, values, positions[i], rules, after)
        if value != UNKNOWN:
            values[number >> 2] |= value << 2 * (number & 3)
            written += 1
    return written


@jit
def check_values(
    index: Index, values: np.ndarray, rules: int, first: int, rows: np.ndarray, positions: np.ndarray,
    after: np.ndarray,
) -> int:  # fmt: skip
    """The number of ``positions`` whose value does not follow from its successors."""
    wrong = 0
    for i in range(positions.shape[0]):
        wrong += read_value(values, first + rows[i]) != _value(index, values, positions[i], rules, after)
    return wrong


# Distances ---------------------------------------------------------------------------------------------------


@jit
def _least_entry(own: int, balls: int, value: int, rules: int) -> int:
    """The least entry of a decided position with so many balls, ``own`` of them the mover's (see above)."""
    loser = own if value == LOSS else balls - own
    return 1 + 2 * (balls_per_player(rules) - loser) + (value == WIN)


@jit
def open_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, rules: int, shape: int, first: int, n: int
) -> None:
    """Opens the entries of ``n`` numbers of a shape that have not been opened yet."""
    balls = popcount(index.shapes[shape])
    for number in range(first, first + n):
        value = read_value(values, number)
        if value != UNKNOWN and distances[number] == 0:
            own = own_balls(index, balls, number - index.offsets[shape], balls_per_player(rules))
            distances[number] = OPEN | _least_entry(own, balls, value, rules)


@jit
def due_distances(
    index: Index, distances: np.ndarray, rules: int, excess: int, shape: int, first: int, n: int, rows: np.ndarray
) -> int:  # fmt: skip
    """Writes which of ``n`` numbers of a shape are open with a bound of at most this excess; returns how many."""
    balls, most = popcount(index.shapes[shape]), balls_per_player(rules)
    place = first - index.offsets[shape]
    own = own_balls(index, balls, place, most)
    row, m = 0, 0
    while row < n:
        # Colourings come by the number of own balls; among those with equally many the bounds differ by value only.
        end = min(n, index.base[balls, own + 1] - place) if own < min(most, balls) else n
        last_win = OPEN + _least_entry(own, balls, WIN, rules) + 2 * excess
        last_loss = OPEN + _least_entry(own, balls, LOSS, rules) + 2 * excess
        for k in range(row, end):
            entry = np.int64(distances[first + k])
            if entry >= OPEN and entry <= (last_loss if entry & 1 else last_win):
                rows[m] = k
                m += 1
        row, own = end, own + 1
    return m


@jit
def any_open(distances: np.ndarray) -> bool:
    """Whether an entry is open."""
    for number in range(distances.shape[0]):  # noqa: SIM110  # numba has no any()
        if distances[number] >= OPEN:
            return True
    return False


@jit
def _fold_win(index: Index, distances: np.ndarray, after: np.ndarray, n: int, least: int, so_far: int) -> int:
    """Twice the least entry of the lost successors, plus 1 if it is open. Stops at a closed one of ``least``.

    No open one can be less than ``least``.
    """
    best = so_far
    for i in range(n):
        entry = np.int64(distances[_number(index, after[i])])
        if entry & 1:
            if entry >= OPEN:
                bound = np.int64(max(entry - OPEN, least))
                best = min(best, bound << 1 | 1)
            elif entry << 1 < best:
                best = entry << 1
                if entry <= least:
                    return best
    return best


@jit
def _fold_loss(index: Index, distances: np.ndarray, after: np.ndarray, n: int, so_far: int) -> int:
    """Twice the greatest entry of any successor, 0 if there is none; plus 1 if one is open, or not won at all."""
    worst, is_open = so_far >> 1, so_far & 1
    for i in range(n):
        entry = np.int64(distances[_number(index, after[i])])
        is_open |= entry >= OPEN or entry == 0 or entry & 1
        worst = max(worst, entry & OPEN - 1)
    return worst << 1 | is_open


@jit
def _entry(
    index: Index, distances: np.ndarray, position: int, rules: int, least: int, after: np.ndarray
) -> int:
    """The entry of a decided position as it follows from its successors: closed, or a lower bound marked OPEN.

    Args:
        index: the index.
        distances: the table.
        position: the position.
        rules: the rule set's number.
        least: what its entry is at least.
        after: room for successors.
    """
    n = plain_places(position, rules, after)
    if least & 1:
        found = _fold_loss(index, distances, after, n, 0)
        found = _fold_loss(index, distances, after, other_turns(position, rules, after), found)
    else:
        found = _fold_win(index, distances, after, n, least - 1, _NO_ENTRY)
        if found & 1 or found >> 1 > least - 1:
            n = other_turns(position, rules, after)
            found = _fold_win(index, distances, after, n, least - 1, found)
    entry = (found >> 1) + 1
    if found & 1 or entry >= OPEN:
        return OPEN | min(max(entry, least), OPEN - 1)
    return entry


@jit
def sweep_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, rules: int, excess: int, first: int,
    rows: np.ndarray, positions: np.ndarray, after: np.ndarray,
) -> int:  # fmt: skip
    """Closes the entries of ``positions``, all open, that follow, and raises others; returns how many it closed.

    No open entry of the whole table may have less than this excess.
    """
    closed = 0
    for i in range(rows.shape[0]):
        number, position = first + rows[i], positions[i]
        if position < 0:
            entry = np.int64(distances[-1 - position])
        else:
            own, balls = popcount(position & CELL_MASK), popcount(position & _ALL_BALLS)
            least = _least_entry(own, balls, read_value(values, number), rules) + 2 * excess
            entry = _entry(index, distances, position, rules, least, after)
        distances[number] = entry
        closed += entry < OPEN
    return closed


@jit
def check_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, rules: int, first: int, rows: np.ndarray,
    positions: np.ndarray, after: np.ndarray,
) -> int:  # fmt: skip
    """The number of ``positions`` whose distance does not follow from its successors and its value."""
    wrong = 0
    for i in range(rows.shape[0]):
        number, position = first + rows[i], positions[i]
        entry, value = np.int64(distances[number]), read_value(values, number)
        expected, least = 0, 0
        if value != UNKNOWN and position < 0:
            expected = np.int64(distances[-1 - position])
        elif value != UNKNOWN:
            own = popcount(position & CELL_MASK)
            least = _least_entry(own, popcount(position & _ALL_BALLS), value, rules)
            expected = _entry(index, distances, position, rules, least, after)
        # Losses have odd entries, wins even ones; _entry relies on the least ones.
        wrong += entry != expected or entry < least or (entry & 1) != (value == LOSS)
    return wrong


# What a table holds ------------------------------------------------------------------------------------------


@jit
def tally(
    values: np.ndarray, distances: np.ndarray, first: int, rows: np.ndarray, positions: np.ndarray,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """Adds to ``counts`` [256, 3, 2]: positions by entry and value, once all and once without images.

    Without a table of distances (an empty array) every entry is 0.
    """
    for i in range(rows.shape[0]):
        value = read_value(values, first + rows[i])
        distance = np.int64(distances[first + rows[i]]) if distances.shape[0] else 0
        counts[distance, value, 0] += 1
        counts[distance, value, 1] += positions[i] >= 0
