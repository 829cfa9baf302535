"""The mini game solved by sweeps against the plain-Python solution, and what interruptions do to the files."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import naive_solution
import numpy as np
import pytest

from pylos import sweeping
from pylos.board import Board
from pylos.errors import TableError
from pylos.indexing import build_index, locate, position_at
from pylos.jit import home
from pylos.rules import CELL_MASK, MINI_RULES, RULES, balls_per_player
from pylos.solver import LOSS, OPEN, UNKNOWN, WIN, due_distances, read_value
from pylos.solving import STAGES, solve
from pylos.sweeping import Progress, Sweeper
from pylos.tables import DISTANCES, HEADER_BYTES, VALUES, open_table, part_path, read_header, table_path

KINDS = (VALUES, DISTANCES)
COLOURINGS = int(build_index(RULES["mini-standard"]).sizes.sum())
VALUE_OF = {WIN: 1, LOSS: -1, UNKNOWN: 0}


@pytest.fixture
def kernels_home():
    """Where compiled kernels are kept: the home before a test changes it."""
    return home()


@pytest.fixture
def empty(kernels_home, tmp_path, monkeypatch):
    """A PYLOS_HOME without tables."""
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    return tmp_path


def assert_solved_as_in(solved_folder: Path, empty: Path, rules: str) -> None:
    """Both tables, to the last byte, and nothing else but the lock."""
    for kind in KINDS:
        name = f"tables/{rules}.{kind}"
        assert (empty / name).read_bytes() == (solved_folder / name).read_bytes()
    assert not list(empty.rglob("*.part"))


def raising_after(count: int, error: type[BaseException] = KeyboardInterrupt) -> Callable[[Progress], None]:
    """A report that raises when it is told something for this many times."""
    reports, lock = iter(range(count)), threading.Lock()

    def report(progress: Progress) -> None:
        with lock:
            if next(reports, None) is None:
                raise error

    return report


def raising_in(stage: str) -> Callable[[Progress], None]:
    """A report that raises as soon as a stage is reached."""

    def report(progress: Progress) -> None:
        if progress.stage == stage:
            raise KeyboardInterrupt

    return report


# What is found -----------------------------------------------------------------------------------------------


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


def test_without_distances_only_values_are_kept(empty, solved_folder):
    header = solve("mini-standard")
    assert header == read_header(solved_folder / "tables" / "mini-standard.values")
    assert not table_path("mini-standard", DISTANCES).exists()
    assert solve("mini-standard", distance=True)["kind"] == DISTANCES
    assert_solved_as_in(solved_folder, empty, "mini-standard")


def test_what_is_solved_is_not_solved_again(solved):
    path = table_path("mini-standard", VALUES)
    before = path.stat()
    assert solve("mini-standard", report=raising_after(0)) == read_header(path)
    assert solve("mini-standard", distance=True, report=raising_after(0))["kind"] == DISTANCES
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_the_report_tells_how_far_it_is(empty):
    told: dict[str, list[int]] = {}

    def report(progress: Progress) -> None:
        assert 0 < progress.done <= progress.total == COLOURINGS
        told.setdefault(progress.stage, []).append(progress.done)

    solve("mini-standard", distance=True, report=report)
    assert tuple(told) == STAGES
    assert all(max(done) == COLOURINGS for done in told.values())


def test_without_cycles_one_sweep_writes_everything(empty, monkeypatch):
    # Small chunks keep the threads close to each other, where one might miss what the other is at.
    monkeypatch.setattr("pylos.sweeping.CHUNK", 16)
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


# Interruptions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", ["mini-standard", "mini-mature-optional"])
def test_interrupted_again_and_again_it_ends_with_the_same_bytes(rules, empty, solved_folder):
    interrupted, patience = 0, 20
    while True:
        try:
            solve(rules, distance=True, report=raising_after(patience))
            break
        except KeyboardInterrupt:
            interrupted += 1
            patience = patience * 5 // 4
    assert interrupted > 5
    assert_solved_as_in(solved_folder, empty, rules)


@pytest.mark.parametrize("excess", range(8))
def test_interrupted_at_any_excess_it_ends_with_the_same_bytes(excess, empty, solved_folder, monkeypatch):
    passes = iter(range(excess))
    with monkeypatch.context() as patch:

        def look_again(self: Sweeper) -> None:
            if next(passes, None) is None:
                raise KeyboardInterrupt
            again(self)

        again = Sweeper.look_again
        patch.setattr(Sweeper, "look_again", look_again)
        with pytest.raises(KeyboardInterrupt):
            solve("mini-mature", distance=True)
    solve("mini-mature", distance=True)
    assert_solved_as_in(solved_folder, empty, "mini-mature")


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
    own, opponent = (position & CELL_MASK).bit_count(), (position >> 30 & CELL_MASK).bit_count()
    reserve = balls_per_player(code) - (own if entry & 1 else opponent)
    return 1 + 2 * reserve + 1 - (entry & 1)


KILLED = """
import os, signal, sys
from pylos.solving import solve

rules, folder, stage, count = sys.argv[1:]
os.environ["PYLOS_HOME"] = folder  # only now: the kernels are compiled already
reports = 0

def report(progress):
    global reports
    reports += progress.stage == stage
    if reports == int(count):
        os.kill(os.getpid(), signal.SIGKILL)

solve(rules, distance=True, report=report)
"""


def test_killed_twice_it_ends_with_the_same_bytes(empty, solved_folder, kernels_home):
    for stage, table in [("values", VALUES), ("distances", DISTANCES)]:
        command = [sys.executable, "-c", KILLED, "mini-mature", str(empty), stage, "50"]
        killed = subprocess.run(command, env={**os.environ, "PYLOS_HOME": str(kernels_home)})
        assert killed.returncode == -signal.SIGKILL
        part = part_path(table_path("mini-mature", table))
        assert np.fromfile(part, np.uint8).any()
        assert not table_path("mini-mature", table).exists()
    solve("mini-mature", distance=True)
    assert_solved_as_in(solved_folder, empty, "mini-mature")


def test_a_table_gets_its_name_after_everything_in_it_was_checked(empty):
    there: dict[str, set[tuple[bool, ...]]] = {}

    def report(progress: Progress) -> None:
        names = tuple(table_path("mini-standard", kind).exists() for kind in KINDS)
        there.setdefault(progress.stage, set()).add(names)

    solve("mini-standard", distance=True, report=report)
    expected = {stage: {(i >= STAGES.index("open distances"), False)} for i, stage in enumerate(STAGES)}
    assert there == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_finds_a_wrong_entry_in_what_an_interrupted_run_left(kind, empty, solved_folder):
    with pytest.raises(KeyboardInterrupt):
        solve("mini-mature", distance=True, report=raising_in(f"check {kind}"))
    path = table_path("mini-mature", kind)
    part, rng = part_path(path), random.Random(0)
    sound = part.read_bytes()
    for _ in range(10):
        # LOSS and WIN change places; a distance becomes another one of the same parity.
        place = rng.choice([i for i in range(HEADER_BYTES, len(sound)) if sound[i] & 3])
        wrong = sound[place] ^ 3 if kind == VALUES else sound[place] + rng.choice([2, 4])
        part.write_bytes(sound[:place] + bytes([wrong]) + sound[place + 1 :])
        with pytest.raises(TableError, match=rf"{kind} do not follow from .*: delete {part} and"):
            solve("mini-mature", distance=True)
        assert part.exists()
        assert not path.exists()
    part.write_bytes(sound)
    solve("mini-mature", distance=True)
    assert_solved_as_in(solved_folder, empty, "mini-mature")


@pytest.mark.parametrize(
    "drawn",
    ["................/wwwbbwbb./wbw./. w 0", "................/w.wwbwb.b/..../. w 0"],
)
def test_wins_and_losses_that_rest_on_nothing_but_each_other_get_no_distances(drawn, empty, solved_folder):
    """Call such a draw won, and others follow until all agree with their successors; no end is ever reached."""
    path = table_path("mini-mature", VALUES)
    content = bytearray((solved_folder / "tables" / path.name).read_bytes())
    position = Board.from_text(drawn, "mini-mature").position
    number = locate(build_index(RULES["mini-mature"]), position & CELL_MASK, position >> 30)
    content[HEADER_BYTES + (number >> 2)] |= WIN << 2 * (number & 3)
    path.parent.mkdir()
    part_path(path).write_bytes(content)
    solve("mini-mature")
    assert read_header(path)["wins_losses_draws"][2] < 7114
    with pytest.raises(TableError, match="distances do not follow"):
        solve("mini-mature", distance=True, report=raising_after(100_000, TimeoutError))
    assert not table_path("mini-mature", DISTANCES).exists()


def test_an_error_in_any_of_the_threads_ends_the_others(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(sweeping, "CHUNK", 4)
    failed, afterwards = threading.Event(), []

    def report(progress: Progress) -> None:
        if threading.current_thread().name.endswith("_1"):  # not the one that was started first
            failed.set()
            raise TimeoutError
        assert failed.wait(60)
        afterwards.append(progress)

    code = RULES["mini-standard"]
    index = build_index(code)
    with pytest.raises(TimeoutError):
        Sweeper(index, code, report).sweep_all("test", lambda *_: 0)
    assert len(afterwards) < sum(-(-index.sizes // 4)) / 2


# What is refused ---------------------------------------------------------------------------------------------


def test_of_two_solvers_at_once_the_second_is_refused(empty, solved_folder):
    refused = []

    def report(progress: Progress) -> None:
        if not refused:
            refused.append("")
            with pytest.raises(TableError) as error:
                solve("mini-standard")
            refused[0] = str(error.value)

    solve("mini-standard", distance=True, report=report)
    assert refused == ["another process is solving the mini-standard rules"]
    assert_solved_as_in(solved_folder, empty, "mini-standard")


def test_no_room_on_the_disk_is_one_sentence(empty, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(TableError) as error:
        solve("mini-standard")
    assert str(error.value).startswith(f"cannot create {empty}/tables/mini-standard.values.v1.part")
    assert str(error.value).endswith("No space left on device")
    assert not table_path("mini-standard", VALUES).exists()


def test_unknown_rules_are_refused_and_leave_nothing(empty):
    with pytest.raises(ValueError, match="unknown rule set 'nonsense'"):
        solve("nonsense")
    assert not list(empty.iterdir())
