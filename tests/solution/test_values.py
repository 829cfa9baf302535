"""Kernels for values, one by one: how a table is read, what has no value, what is wrong, what is counted."""

import numpy as np
import pytest

from pylos.game.rules import RULES
from pylos.solution.indexing import build_index, list_positions
from pylos.solution.tables import DISTANCES, VALUES, open_table, table_path
from pylos.solution.values import (
    LOSS,
    UNKNOWN,
    WIN,
    check_values,
    read_value,
    sweep_values,
    tally,
    without_value,
    worth,
)
from tests.support.tables import packed, unpacked

MINI = "mini-mature"
CODE = RULES[MINI]
INDEX = build_index(CODE)


def listed(shape: int, rows: np.ndarray) -> np.ndarray:
    positions = np.empty(len(rows), np.int64)
    list_positions(INDEX, CODE, shape, int(INDEX.offsets[shape]), rows, positions)
    return positions


def test_values_are_read_by_number():
    values = np.random.default_rng(0).integers(0, 3, 103)
    table = packed(values)
    assert [read_value(table, number) for number in range(103)] == values.tolist()
    assert [worth(value) for value in (LOSS, UNKNOWN, WIN)] == [-1, 0, 1]


@pytest.mark.parametrize("n", [1, 3, 4, 57, 300])
def test_rows_without_a_value_are_listed_and_none_behind_the_end(n):
    rng = np.random.default_rng(n)
    values = rng.integers(0, 3, 400)
    rows = np.empty(n, np.int32)
    found = rows[: without_value(packed(values), 40, n, rows)]
    assert found.tolist() == np.flatnonzero(values[40 : 40 + n] == UNKNOWN).tolist()


def test_every_entry_of_a_solved_table_follows_and_any_other_does_not(solved):
    table = open_table(table_path(MINI, VALUES))
    rng = np.random.default_rng(0)
    for shape in rng.choice(len(INDEX.shapes), 40).tolist():
        first, rows = int(INDEX.offsets[shape]), np.arange(INDEX.sizes[shape], dtype=np.int32)
        positions = listed(shape, rows)
        assert check_values(INDEX, table, CODE, first, rows, positions) == 0
        wrong = unpacked(table)
        number = first + int(rng.choice(rows))
        wrong[number] = (wrong[number] + rng.integers(1, 3)) % 3
        assert check_values(INDEX, packed(wrong), CODE, first, rows, positions) >= 1


@pytest.mark.parametrize("wins", [False, True])
def test_a_position_gets_the_value_that_its_successors_give_it(wins, solved):
    """From a table in which only the values of one shape are missing. Wins are looked for only when asked for."""
    rules = "mini-children"  # where no turn leads to the same shape
    whole = unpacked(open_table(table_path(rules, VALUES)))
    for shape in np.random.default_rng(1).choice(len(INDEX.shapes), 40).tolist():
        first, rows = int(INDEX.offsets[shape]), np.arange(INDEX.sizes[shape], dtype=np.int32)
        own = slice(first, first + len(rows))
        values, written = whole.copy(), np.zeros(len(INDEX.shapes), np.int64)
        values[own] = UNKNOWN
        table = packed(values)
        sweep_values(INDEX, table, RULES[rules], wins, False, first, rows, listed(shape, rows), written)
        values[own] = np.where((whole[own] == LOSS) | wins, whole[own], UNKNOWN)
        assert (unpacked(table) == values).all()
        assert written[shape] == written.sum() == np.count_nonzero(values[own])


def test_positions_are_counted_by_distance_and_value(solved):
    values, distances = (open_table(table_path(MINI, kind)) for kind in (VALUES, DISTANCES))
    shape = int(np.flatnonzero((np.bitwise_count(INDEX.symmetries) > 1) & (INDEX.sizes > 100))[0])
    first, rows = int(INDEX.offsets[shape]), np.arange(INDEX.sizes[shape], dtype=np.int32)
    positions = listed(shape, rows)
    own = slice(first, first + len(rows))
    for table in (distances, np.empty(0, np.uint8)):
        counts = np.zeros((256, 3, 2), np.int64)
        tally(values, table, first, rows, positions, counts)
        entries = table[own] if len(table) else np.zeros(len(rows), np.uint8)
        for distance, value in {*zip(entries.tolist(), unpacked(values)[own].tolist(), strict=True)}:
            chosen = (entries == distance) & (unpacked(values)[own] == value)
            assert counts[distance, value].tolist() == [chosen.sum(), (chosen & (positions >= 0)).sum()]
        assert counts.sum(axis=(0, 1)).tolist() == [len(rows), (positions >= 0).sum()]
    assert (positions < 0).any()
