"""Kernels that solve the game by retrograde analysis: the values.

A table of *values* holds two bits a position, in the order of `pylos.solution.indexing`, four positions to a byte:
UNKNOWN (once everything is solved: a draw), LOSS or WIN for the mover.

It is filled in place. A value is written as soon as it follows from the successors, and never changes: WIN if one of
them is lost, LOSS if all of them are won. What never follows is a draw: either side can go on for ever.
(Zermelo, 1913; retrograde analysis: Thompson, 1986.)

Losses are found forwards: most positions that are not lost show it in a successor or two. Wins are found backwards:
where a loss is written, a win is written for every position with a turn that leads to it. So no kernel goes through
all successors in search of the one that wins.
"""

from __future__ import annotations

import numpy as np

from pylos.game.position import opponent_cells, own_cells
from pylos.game.symmetry import NUM_SYMMETRIES, moved_mask
from pylos.game.turns import EARNING, ENDS, MAX_EARLIER, TURN_ROOM, earlier_positions, ends_of_turn
from pylos.kernels.bits import atomic_or, gather_bits, popcount, prefetch
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, number_of, place_of, turn_to_shape
from pylos.solution.prefetching import AHEAD, prefetch_moves

UNKNOWN, LOSS, WIN = 0, 1, 2
"""The entries of a table."""
_MOST_FOLLOWED = 1 << 12
"""The most losses on a trail that wait to be followed."""
_MOST_WINS = 1 << 16
"""The most wins that are written on one trail. A later sweep does the rest, so that an interruption need not wait."""


@jit
def read_value(values: np.ndarray, number: int) -> int:
    """The value of the position with this number."""
    return values[number >> 2] >> 2 * (number & 3) & 3


@jit
def worth(value: int) -> int:
    """What a value is worth to the mover: 1 for WIN, -1 for LOSS, 0 for UNKNOWN."""
    return np.int64(value == WIN) - np.int64(value == LOSS)


@jit
def _value(index: Index, values: np.ndarray, code: int, n: int, m: int, turns: np.ndarray) -> int:
    """The value of a position as far as it follows from its `turns`, which `prefetch_moves` wrote."""
    result = LOSS
    for i in range(n):
        value = read_value(values, turns[i])
        if value == LOSS:
            return WIN
        if value == UNKNOWN:
            result = UNKNOWN
    for i in range(m):
        ends = turns[ENDS:]
        for k in range(ends_of_turn(turns[EARNING + i], code, ends)):
            value = read_value(values, number_of(index, ends[k]))
            if value == LOSS:
                return WIN
            if value == UNKNOWN:
                result = UNKNOWN
    return result


@jit
def _is_lost(index: Index, values: np.ndarray, code: int, n: int, m: int, turns: np.ndarray) -> bool:
    """Whether all successors are known to be won. It looks first at those that become known last."""
    for i in range(m):
        ends = turns[ENDS:]
        for k in range(ends_of_turn(turns[EARNING + i], code, ends)):
            if read_value(values, number_of(index, ends[k])) != WIN:
                return False
    for i in range(n):  # noqa: SIM110  # numba has no all()
        if read_value(values, turns[i]) != WIN:
            return False
    return True


@jit
def without_value(values: np.ndarray, first: int, n: int, rows: np.ndarray) -> int:
    """Writes which of `n` numbers from `first` on have no value, as rows from 0 to n - 1; returns how many."""
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
def _write_value(values: np.ndarray, number: int, value: int) -> bool:
    """Writes a value where there is none yet; returns whether it did. Other threads write to the same byte."""
    shift = 2 * (number & 3)
    return (
        read_value(values, number) == UNKNOWN
        and atomic_or(values, number >> 2, value << shift) >> shift & 3 == UNKNOWN
    )


@jit
def _write_values(index: Index, values: np.ndarray, position: int, value: int, written: np.ndarray) -> int:
    """Writes the value of a position and of its images; returns how many had none, and adds that to `written`."""
    shape, own = turn_to_shape(index, own_cells(position), opponent_cells(position))
    pile, symmetries = index.shapes[shape], index.symmetries[shape]
    balls, count = popcount(pile), 0
    for s in range(NUM_SYMMETRIES):
        if symmetries >> s & 1:
            place = place_of(index, gather_bits(moved_mask(own, s), pile), balls)
            count += _write_value(values, index.offsets[shape] + place, value)
    written[shape] += count
    return count


@jit
def _write_losses_before(
    index: Index, values: np.ndarray, won: int, code: int, buffer: np.ndarray, written: np.ndarray,
    lost: np.ndarray, n: int,
) -> int:  # fmt: skip
    """Writes LOSS for the positions before a won one that are lost, and appends them to `lost`.

    Where `lost` is full, it stops: a later sweep finds the rest.

    Returns:
        The new length of `lost`.
    """
    turns = buffer[MAX_EARLIER:]
    for k in range(earlier_positions(won, code, buffer)):
        earlier = buffer[k]
        if n == lost.shape[0]:
            break
        if read_value(values, number_of(index, earlier)) == UNKNOWN:
            now, earning = prefetch_moves(index, values, 2, earlier, code, turns)
            if _is_lost(index, values, code, now, earning, turns):
                _write_values(index, values, earlier, LOSS, written)
                lost[n] = earlier
                n += 1
    return n


@jit
def _write_wins_before(
    index: Index, values: np.ndarray, code: int, follow: bool, buffer: np.ndarray, written: np.ndarray,
    lost: np.ndarray, n: int,
) -> None:  # fmt: skip
    """Writes WIN for all positions before the first `n` of `lost`; with `follow`, also what follows, up to a limit."""
    earlier, numbers, more = (
        buffer[:MAX_EARLIER],
        buffer[MAX_EARLIER : 2 * MAX_EARLIER],
        buffer[2 * MAX_EARLIER :],
    )
    wins = 0
    while n:
        n -= 1
        found = earlier_positions(lost[n], code, earlier)
        for k in range(found):
            numbers[k] = number_of(index, earlier[k])
            prefetch(values, numbers[k] >> 2)
        for k in range(found):
            if read_value(values, numbers[k]) == UNKNOWN and _write_values(
                index, values, earlier[k], WIN, written
            ):
                wins += 1
                if follow and wins < _MOST_WINS:
                    n = _write_losses_before(index, values, earlier[k], code, more, written, lost, n)


@jit
def sweep_values(
    index: Index, values: np.ndarray, code: int, wins: bool, follow: bool, first: int, rows: np.ndarray,
    positions: np.ndarray, written: np.ndarray,
) -> None:  # fmt: skip
    """Writes what follows for `positions`, which have no value, and for the positions before them.

    Args:
        index: the index.
        values: the table.
        code: the rule set's number.
        wins: whether to look for wins as well. This is needed after a kill, which may have come after a loss was
            written and before its wins were.
        follow: whether to go on at once with what follows from the new values, as far as it leads.
        first: the number of row 0.
        rows: int32 [n] the rows of the positions.
        positions: int64 [n] what `list_positions` wrote for them; they had no value then.
        written: int64 [S] receives by shape how many values were written, added to what it holds.
    """
    shape = np.searchsorted(index.offsets, first, side="right") - 1
    lost, buffer = np.empty(_MOST_FOLLOWED, np.int64), np.empty(3 * MAX_EARLIER + TURN_ROOM, np.int64)
    turns, moves_of = np.empty((AHEAD, TURN_ROOM), np.int64), np.zeros((AHEAD, 2), np.int64)
    for ahead in range(rows.shape[0] + AHEAD):
        slot, i = ahead % AHEAD, ahead - AHEAD
        if i >= 0 and read_value(values, first + rows[i]) == UNKNOWN:
            n, m = moves_of[slot]
            value, position = UNKNOWN, positions[i]
            if position < 0:
                value = np.int64(read_value(values, -1 - position))
                written[shape] += value != UNKNOWN and _write_value(values, first + rows[i], value)
            elif wins:
                value = _value(index, values, code, n, m, turns[slot])
            elif _is_lost(index, values, code, n, m, turns[slot]):
                value = LOSS
            if position >= 0 and value != UNKNOWN:
                _write_values(index, values, position, value, written)
                n, lost[0] = 1, position
                if value == WIN:
                    n = (
                        _write_losses_before(index, values, position, code, buffer, written, lost, 0)
                        if follow
                        else 0
                    )
                _write_wins_before(index, values, code, follow, buffer, written, lost, n)
        if ahead < rows.shape[0] and positions[ahead] >= 0:
            moves_of[slot] = prefetch_moves(index, values, 2, positions[ahead], code, turns[slot])


@jit
def check_values(
    index: Index, values: np.ndarray, code: int, first: int, rows: np.ndarray, positions: np.ndarray
) -> int:
    """The number of `positions` whose value does not follow from its successors."""
    wrong = 0
    turns, moves_of = np.empty((AHEAD, TURN_ROOM), np.int64), np.zeros((AHEAD, 2), np.int64)
    for ahead in range(rows.shape[0] + AHEAD):
        slot, i = ahead % AHEAD, ahead - AHEAD
        if i >= 0:
            n, m = moves_of[slot]
            if positions[i] < 0:
                value = np.int64(read_value(values, -1 - positions[i]))
            else:
                value = _value(index, values, code, n, m, turns[slot])
            wrong += read_value(values, first + rows[i]) != value
        if ahead < rows.shape[0] and positions[ahead] >= 0:
            moves_of[slot] = prefetch_moves(index, values, 2, positions[ahead], code, turns[slot])
    return wrong


@jit
def tally(
    values: np.ndarray, distances: np.ndarray, first: int, rows: np.ndarray, positions: np.ndarray,
    counts: np.ndarray,
) -> None:  # fmt: skip
    """Adds the positions to `counts`, by distance and value.

    Args:
        values: the table of values.
        distances: the table of distances, or an empty array: then every entry counts as 0.
        first: the number of row 0.
        rows: int32 [n] the rows of the positions.
        positions: int64 [n] what `list_positions` wrote for them.
        counts: int64 [256, 3, 2] by entry of both tables: all positions, and those that are no image of another.
    """
    for i in range(rows.shape[0]):
        value = read_value(values, first + rows[i])
        distance = np.int64(distances[first + rows[i]]) if distances.shape[0] else 0
        counts[distance, value, 0] += 1
        counts[distance, value, 1] += positions[i] >= 0
