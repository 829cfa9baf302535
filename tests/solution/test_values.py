"""The mini game solved by sweeps against the plain-Python solution, and what the tables hold."""

import numpy as np
import pytest

from pylos.errors import TableError
from pylos.game.board import Board
from pylos.game.rules import MINI_RULES, RULES, balls_per_player, opponent_cells, own_cells
from pylos.solution.distances import OPEN, due_distances
from pylos.solution.indexing import build_index, locate, position_at
from pylos.solution.solving import STAGES, solve
from pylos.solution.sweeping import Progress, Sweeper
from pylos.solution.tables import (
    DISTANCES,
    HEADER_BYTES,
    VALUES,
    open_table,
    part_path,
    read_header,
    table_path,
)
from pylos.solution.values import LOSS, UNKNOWN, WIN, read_value
from tests.support.interruptions import KINDS, assert_solved_as_in, raising_after
from tests.twins import solution as naive_solution

COLOURINGS = int(build_index(RULES["mini-standard"]).sizes.sum())
VALUE_OF = {WIN: 1, LOSS: -1, UNKNOWN: 0}


@pytest.mark.parametrize("rules", MINI_RULES)
def test_values_and_distances_equal_those_of_the_twin(rules, solved):
    values, distances = (open_table(table_path(rules, kind)) for kind in KINDS)
    index = build_index(RULES[rules])
    solution = naive_solution.solve(rules)
    for (own, opponent), (value, distance) in solution.items():
        number = locate(index, own, opponent)
        assert VALUE_OF[read_value(values, number)] == value
        assert distances[number] == (0 if distance is None else distance + 1)


@pytest.mark.parametrize("rules", ["mini-children", "mini-mature"])
def test_the_header_says_what_the_solution_holds(rules, solved):
    header = read_header(table_path(rules, DISTANCES))
    solution = naive_solution.solve(rules)
    assert (header["rules"], header["kind"]) == (rules, DISTANCES)
    start = header["start"], None if header["start_distance"] < 0 else header["start_distance"]
    assert start == solution[0, 0]
    for balls, counts in enumerate(header["by_balls"]):
        found = [w for (own, opponent), w in solution.items() if (own | opponent).bit_count() == balls]
        assert counts == [sum(value == v for value, _ in found) for v in (1, -1, 0)]
        longest = [max((d for value, d in found if value == v), default=-1) for v in (1, -1)]
        assert header["longest_by_balls"][balls] == longest
    assert header["wins_losses_draws"] == np.sum(header["by_balls"], axis=0).tolist()
    assert sum(header["up_to_symmetry"]) == 14_202
    without = read_header(table_path(rules, VALUES))
    same = ("start", "wins_losses_draws", "by_balls", "up_to_symmetry")
    assert [without[key] for key in same] == [header[key] for key in same]
    assert "start_distance" not in without


def test_without_distances_only_values_are_kept(unsolved, solved_folder):
    header = solve("mini-standard")
    assert header == read_header(solved_folder / "tables" / "mini-standard.values")
    assert not table_path("mini-standard", DISTANCES).exists()
    assert solve("mini-standard", distance=True)["kind"] == DISTANCES
    assert_solved_as_in(solved_folder, unsolved, "mini-standard")


@pytest.mark.parametrize("few", [0.0, 1e9])
def test_whether_trails_are_followed_never_or_always_makes_no_difference(
    few, unsolved, solved_folder, monkeypatch
):
    monkeypatch.setattr("pylos.solution.solving.FOLLOW_BELOW", few)
    solve("mini-mature", distance=True)
    assert_solved_as_in(solved_folder, unsolved, "mini-mature")


def test_what_is_solved_is_not_solved_again(solved):
    path = table_path("mini-standard", VALUES)
    before = path.stat()
    assert solve("mini-standard", report=raising_after(0)) == read_header(path)
    assert solve("mini-standard", distance=True, report=raising_after(0))["kind"] == DISTANCES
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_the_report_tells_how_far_it_is(unsolved):
    told: dict[str, list[int]] = {}

    def report(progress: Progress) -> None:
        assert 0 < progress.done <= progress.total == COLOURINGS
        told.setdefault(progress.stage, []).append(progress.done)

    solve("mini-standard", distance=True, report=report)
    assert tuple(told) == STAGES
    assert all(max(done) == COLOURINGS for done in told.values())


def test_without_cycles_one_sweep_writes_everything(unsolved, monkeypatch):
    # Small chunks keep the threads close to each other, where one might miss what the other is at.
    monkeypatch.setattr("pylos.solution.sweeping.CHUNK", 16)
    written: dict[str, list[int]] = {}

    def sweep(self, *arguments):
        results = original(self, *arguments)
        written.setdefault(self.stage, []).append(int(results[0].sum()))
        return results

    original = Sweeper.sweep
    monkeypatch.setattr(Sweeper, "sweep", sweep)
    solve("mini-children", distance=True)
    for stage in (VALUES, DISTANCES):
        first, *later = written[stage]
        assert first == COLOURINGS
        assert not any(later)


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


def least(index, code, number, entry):
    """The least entry of a position, lost if ``entry`` is odd: the loser's reserve takes two turns a ball."""
    position = position_at(index, number, code)
    own, opponent = own_cells(position).bit_count(), opponent_cells(position).bit_count()
    reserve = balls_per_player(code) - (own if entry & 1 else opponent)
    return 1 + 2 * reserve + 1 - (entry & 1)


@pytest.mark.parametrize(
    "drawn",
    ["................/wwwbbwbb./wbw./. w 0", "................/w.wwbwb.b/..../. w 0"],
)
def test_wins_and_losses_that_rest_on_nothing_but_each_other_get_no_distances(drawn, unsolved, solved_folder):
    """Call such a draw won, and others follow until all agree with their successors; no end is ever reached."""
    path = table_path("mini-mature", VALUES)
    content = bytearray((solved_folder / "tables" / path.name).read_bytes())
    position = Board.from_text(drawn, "mini-mature").position
    number = locate(build_index(RULES["mini-mature"]), own_cells(position), opponent_cells(position))
    content[HEADER_BYTES + (number >> 2)] |= WIN << 2 * (number & 3)
    path.parent.mkdir(parents=True)
    part_path(path).write_bytes(content)
    solve("mini-mature")
    assert read_header(path)["wins_losses_draws"][2] < 7114
    with pytest.raises(TableError, match="distances do not follow"):
        solve("mini-mature", distance=True, report=raising_after(100_000, TimeoutError))
    assert not table_path("mini-mature", DISTANCES).exists()


def test_unknown_rules_are_refused_and_leave_nothing(unsolved):
    with pytest.raises(ValueError, match="unknown rule set 'nonsense'"):
        solve("nonsense")
    assert not list(unsolved.rglob("*"))
