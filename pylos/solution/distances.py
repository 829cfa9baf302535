"""Kernels that solve the game by retrograde analysis: the number of turns to the end.

A table of *distances* holds one byte a position, in the order of `pylos.solution.indexing`: 0 for a draw, else one more
than the number of turns to the end with best play. The winner takes the shortest way, the loser the longest. So a lost
position has an odd entry and a won one an even entry.

Entries begin as lower bounds, marked OPEN. The loser has played all balls by the end, and a turn adds at most one: a
loss takes at least 2 * (own reserve) turns, a win 2 * (opponent's reserve) + 1. A position's *excess* is half of
the difference between its true distance and this bound. A win has the least excess of its lost successors, which all
have the same bound. A loss has the greatest excess of its successors, where a turn that adds d balls counts 1 - d more.

The sweeps close an entry when its successors leave no doubt: a loss when all of them are closed, a win when a closed
one is as near as any open one can be. A sweep of excess e relies on every open entry having an excess of e or more.
When nothing follows any more, every open entry has e + 1 or more. Meanwhile bounds rise with those of the successors,
and an entry with a bound above e is not looked at before its turn comes.

The true distances are the only finite solution of the equations "a win is one more than the least of its lost
successors, a loss one more than the greatest of its successors". Proof: assume two solutions. Among the positions where
they differ, take one whose smaller entry is the least. The successor that gives this entry has a still smaller one, so
the two solutions agree there: a contradiction. So a table that fulfils the equations everywhere is proven, and its
values with it.
"""

from __future__ import annotations

import numpy as np

from pylos.game.position import opponent_cells, own_cells
from pylos.game.rules import balls_per_player
from pylos.game.turns import EARNING, ENDS, TURN_ROOM, ends_of_turn
from pylos.kernels.bits import popcount
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, own_balls
from pylos.solution.prefetching import AHEAD, prefetch_entries, prefetch_moves
from pylos.solution.values import LOSS, UNKNOWN, WIN, read_value

OPEN = 128
"""Added to an entry that is only a lower bound so far. It leaves room for distances up to 126."""
_NO_ENTRY = 4 * OPEN - 1


@jit
def _least_entry(own: int, balls: int, value: int, code: int) -> int:
    """The least entry of a won or lost position with `balls` balls, `own` of them the mover's (see above)."""
    loser = own if value == LOSS else balls - own
    return 1 + 2 * (balls_per_player(code) - loser) + (value == WIN)


@jit
def open_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, code: int, shape: int, first: int, n: int
) -> None:
    """Opens the entries of `n` numbers of a shape that have not been opened yet."""
    balls = popcount(index.shapes[shape])
    for number in range(first, first + n):
        value = read_value(values, number)
        if value != UNKNOWN and distances[number] == 0:
            own = own_balls(index, balls, number - index.offsets[shape], balls_per_player(code))
            distances[number] = OPEN | _least_entry(own, balls, value, code)


@jit
def due_distances(
    index: Index, distances: np.ndarray, code: int, excess: int, shape: int, first: int, n: int, rows: np.ndarray
) -> int:  # fmt: skip
    """Writes the open ones of `n` numbers of a shape with at most this excess as bound, as rows; returns how many."""
    balls, most = popcount(index.shapes[shape]), balls_per_player(code)
    place = first - index.offsets[shape]
    own = own_balls(index, balls, place, most)
    row, m = 0, 0
    while row < n:
        # Colourings come by the number of own balls. Those with the same number differ in their bounds by value only.
        end = min(n, index.base[balls, own + 1] - place) if own < min(most, balls) else n
        last_win = OPEN + _least_entry(own, balls, WIN, code) + 2 * excess
        last_loss = OPEN + _least_entry(own, balls, LOSS, code) + 2 * excess
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
def _fold_win(distances: np.ndarray, after: np.ndarray, n: int, least: int, so_far: int) -> int:
    """Twice the least entry of the lost successors, plus 1 if it is open. Stops at a closed one of `least` or less.

    Args:
        distances: the table.
        after: int64 [>= n] the numbers of successors.
        n: how many there are.
        least: the least that an open entry can be.
        so_far: what earlier successors gave.
    """
    best = so_far
    for i in range(n):
        entry = np.int64(distances[after[i]])
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
def _fold_loss(distances: np.ndarray, after: np.ndarray, n: int, so_far: int) -> int:
    """Twice the greatest entry of the successors, plus 1 if one of them is open or not won.

    Args:
        distances: the table.
        after: int64 [>= n] the numbers of successors.
        n: how many there are.
        so_far: what earlier successors gave, at first 0.
    """
    worst, is_open = so_far >> 1, so_far & 1
    for i in range(n):
        entry = np.int64(distances[after[i]])
        is_open |= entry >= OPEN or entry == 0 or entry & 1
        worst = max(worst, entry & OPEN - 1)
    return worst << 1 | is_open


@jit
def _entry(
    index: Index, distances: np.ndarray, code: int, least: int, n: int, m: int, turns: np.ndarray
) -> int:
    """The entry of a won or lost position as it follows from its successors: closed, or a lower bound marked OPEN.

    Args:
        index: the index.
        distances: the table.
        code: the rule set's number.
        least: the least that its entry can be; odd for a loss, even for a win.
        n: how many of its moves end the turn.
        m: how many of its moves earn a take-back.
        turns: its moves, as `prefetch_moves` writes them.
    """
    ends = turns[ENDS:]
    found = (
        _fold_loss(distances, turns, n, 0)
        if least & 1
        else _fold_win(distances, turns, n, least - 1, _NO_ENTRY)
    )
    for i in range(m):
        if not least & 1 and not found & 1 and found >> 1 <= least - 1:
            break
        k = ends_of_turn(turns[EARNING + i], code, ends)
        prefetch_entries(index, distances, 0, ends, k)
        found = (
            _fold_loss(distances, ends, k, found)
            if least & 1
            else _fold_win(distances, ends, k, least - 1, found)
        )
    entry = (found >> 1) + 1
    if found & 1 or entry >= OPEN:
        return OPEN | min(max(entry, least), OPEN - 1)
    return entry


@jit
def _least_entry_of(position: int, value: int, code: int) -> int:
    """The least entry of a won or lost position, by its packed form."""
    own = own_cells(position)
    return _least_entry(popcount(own), popcount(own | opponent_cells(position)), value, code)


@jit
def sweep_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, code: int, excess: int, first: int,
    rows: np.ndarray, positions: np.ndarray,
) -> int:  # fmt: skip
    """Closes the entries of `positions` that follow from their successors, and raises the bounds of the others.

    Args:
        index: the index.
        values: the table of values.
        distances: the table of distances.
        code: the rule set's number.
        excess: no open entry of the whole table has less than this.
        first: the number of row 0.
        rows: int32 [n] the rows of the positions, all open.
        positions: int64 [n] what `list_positions` wrote for them.

    Returns:
        How many entries it closed.
    """
    closed = 0
    turns, moves_of = np.empty((AHEAD, TURN_ROOM), np.int64), np.zeros((AHEAD, 2), np.int64)
    for ahead in range(rows.shape[0] + AHEAD):
        slot, i = ahead % AHEAD, ahead - AHEAD
        if i >= 0:
            number, position = first + rows[i], positions[i]
            if position < 0:
                entry = np.int64(distances[-1 - position])
            else:
                least = _least_entry_of(position, read_value(values, number), code) + 2 * excess
                n, m = moves_of[slot]
                entry = _entry(index, distances, code, least, n, m, turns[slot])
            distances[number] = entry
            closed += entry < OPEN
        if ahead < rows.shape[0] and positions[ahead] >= 0:
            moves_of[slot] = prefetch_moves(index, distances, 0, positions[ahead], code, turns[slot])
    return closed


@jit
def check_distances(
    index: Index, values: np.ndarray, distances: np.ndarray, code: int, first: int, rows: np.ndarray,
    positions: np.ndarray,
) -> int:  # fmt: skip
    """The number of `positions` whose distance does not follow from its successors and its value."""
    wrong = 0
    turns, moves_of = np.empty((AHEAD, TURN_ROOM), np.int64), np.zeros((AHEAD, 2), np.int64)
    for ahead in range(rows.shape[0] + AHEAD):
        slot, i = ahead % AHEAD, ahead - AHEAD
        if i >= 0:
            number, position = first + rows[i], positions[i]
            entry, value = np.int64(distances[number]), read_value(values, number)
            expected, least = 0, 0
            if value != UNKNOWN and position < 0:
                expected = np.int64(distances[-1 - position])
            elif value != UNKNOWN:
                least = _least_entry_of(position, value, code)
                n, m = moves_of[slot]
                expected = _entry(index, distances, code, least, n, m, turns[slot])
            # Losses have odd entries and wins even ones, none below the least: `_entry` relies on both.
            wrong += entry != expected or entry < least or (entry & 1) != (value == LOSS)
        if ahead < rows.shape[0] and positions[ahead] >= 0:
            moves_of[slot] = prefetch_moves(index, distances, 0, positions[ahead], code, turns[slot])
    return wrong
