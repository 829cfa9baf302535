"""Kernels for distances, one by one: where entries begin, which are due, which close, and which are wrong."""

import numpy as np
import pytest

from pylos.game.position import opponent_cells, own_cells
from pylos.game.rules import RULES, balls_per_player
from pylos.solution.distances import (
    OPEN,
    any_open,
    check_distances,
    due_distances,
    open_distances,
    sweep_distances,
)
from pylos.solution.indexing import build_index, list_positions, position_at
from pylos.solution.tables import DISTANCES, VALUES, open_table, table_path
from pylos.solution.values import LOSS, UNKNOWN, WIN, read_value
from tests.support.tables import packed, unpacked

MINI = "mini-mature"
CODE = RULES[MINI]
INDEX = build_index(CODE)


@pytest.fixture
def tables(solved):
    """The tables of values and of distances of the mini game; the second is a copy that a test may change."""
    return open_table(table_path(MINI, VALUES)), open_table(table_path(MINI, DISTANCES)).copy()


def least(index, code, number, entry):
    """The least entry of a position, lost if `entry` is odd: the loser's reserve takes two turns a ball."""
    position = position_at(index, number, code)
    own, opponent = own_cells(position).bit_count(), opponent_cells(position).bit_count()
    reserve = balls_per_player(code) - (own if entry & 1 else opponent)
    return 1 + 2 * reserve + 1 - (entry & 1)


def some_shapes() -> list[int]:
    return np.random.default_rng(0).choice(len(INDEX.shapes), 40, replace=False).tolist()


def numbers_of(shape: int) -> tuple[int, np.ndarray, np.ndarray]:
    """The first number of a shape, all rows and their positions."""
    first, rows = int(INDEX.offsets[shape]), np.arange(INDEX.sizes[shape], dtype=np.int32)
    positions = np.empty(len(rows), np.int64)
    list_positions(INDEX, CODE, shape, first, rows, positions)
    return first, rows, positions


def test_entries_of_wins_and_losses_begin_as_lower_bounds(tables):
    values, distances = tables
    closer = 0
    for shape in some_shapes():
        first, rows, _ = numbers_of(shape)
        table = np.zeros_like(distances)
        open_distances(INDEX, values, table, CODE, shape, first, len(rows))
        assert not table[:first].any()
        assert not table[first + len(rows) :].any()
        for number in range(first, first + len(rows)):
            if read_value(values, number) == UNKNOWN:
                assert table[number] == 0
            else:
                bound = least(INDEX, CODE, number, int(distances[number]))
                assert table[number] == OPEN + bound
                assert bound <= distances[number]
                closer += bound < distances[number]
        open_distances(INDEX, values, distances, CODE, shape, first, len(rows))  # what is closed stays closed
    assert (distances == open_table(table_path(MINI, DISTANCES))).all()
    assert closer


def test_an_open_entry_is_found_wherever_it_is(tables):
    _, distances = tables
    assert not any_open(distances)
    for place in (0, 1000, len(distances) - 1):
        distances[place] |= OPEN
        assert any_open(distances)
        distances[place] ^= OPEN


def test_entries_close_when_their_successors_leave_no_doubt(tables):
    """One open shape among closed ones. What is not closed yet is never more than a lower bound."""
    values, solved = tables
    for shape in some_shapes():
        first, rows, positions = numbers_of(shape)
        own, table, due = slice(first, first + len(rows)), solved.copy(), np.empty(len(rows), np.int32)
        table[own] = 0
        open_distances(INDEX, values, table, CODE, shape, first, len(rows))
        closed, excess = np.count_nonzero(table[own] == 0), 0
        while any_open(table):
            assert excess < OPEN // 2
            n = due_distances(INDEX, table, CODE, excess, shape, first, len(rows), due)
            chosen = due[:n].copy()
            found = sweep_distances(INDEX, values, table, CODE, excess, first, chosen, positions[chosen])
            done = table[own] < OPEN
            assert (table[own][done] == solved[own][done]).all()
            assert (table[own][~done] - OPEN <= solved[own][~done]).all()
            closed += found
            excess += not found
        assert closed == len(rows)
        assert (table == solved).all()


def test_every_entry_of_a_solved_table_follows_and_any_other_does_not(tables):
    values, distances = tables
    rng = np.random.default_rng(0)
    for shape in some_shapes():
        first, rows, positions = numbers_of(shape)
        assert check_distances(INDEX, values, distances, CODE, first, rows, positions) == 0
        number = first + int(rng.choice(rows))
        sound = int(distances[number])
        for wrong in {sound + 2, sound ^ 1, sound | OPEN, max(sound, 2) - 2} - {sound}:
            distances[number] = wrong
            assert check_distances(INDEX, values, distances, CODE, first, rows, positions) >= 1
        distances[number] = sound


def test_a_won_position_cannot_pass_for_a_lost_one_at_any_distance(tables):
    values, distances = unpacked(tables[0]), tables[1]
    tried = 0
    for shape in some_shapes():
        first, rows, positions = numbers_of(shape)
        for row in np.flatnonzero((values[first : first + len(rows)] == WIN) & (positions >= 0))[:2].tolist():
            lie = values.copy()
            lie[first + row] = LOSS
            table, sound = packed(lie), distances[first + row]
            for distance in range(1, OPEN, 2):
                distances[first + row] = distance
                one = slice(row, row + 1)
                assert check_distances(INDEX, table, distances, CODE, first, rows[one], positions[one]) == 1
            distances[first + row] = sound
            tried += 1
    assert tried > 20


@pytest.mark.parametrize("excess", [0, 1, 5, 30, 63])
@pytest.mark.parametrize("rules", ["mini-standard", "standard"])
def test_what_is_due_is_open_and_has_at_most_the_excess(rules, excess):
    code = RULES[rules]
    index, rng = build_index(code), np.random.default_rng(excess)
    for shape in rng.choice(len(index.shapes), 30):
        size = min(int(index.sizes[shape]), 3000)
        first = int(index.offsets[shape]) + int(rng.integers(index.sizes[shape] - size + 1)) // 4 * 4
        size = min(size, int(index.offsets[shape] + index.sizes[shape]) - first)
        table = np.zeros(first + size, np.uint8)
        table[first:] = rng.integers(0, 256, size)
        rows = np.empty(size, np.int32)
        found = rows[: due_distances(index, table, code, excess, shape, first, size, rows)].tolist()
        assert found == [
            row for row in range(size) if table[first + row] >= OPEN
            and table[first + row] - OPEN <= least(index, code, first + row, int(table[first + row])) + 2 * excess
        ]  # fmt: skip
