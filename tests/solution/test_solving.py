"""The mini game solved, compared with the plain-Python solution, and solved after every kind of interruption."""

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from pylos.errors import TableError
from pylos.game.board import Board
from pylos.game.position import opponent_cells, own_cells
from pylos.game.rules import MINI_RULES, RULES
from pylos.solution.indexing import build_index, list_positions, locate
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
from pylos.system.home import home
from tests.support.interruptions import KINDS, assert_solved_as_in, raising_after, raising_in
from tests.support.tables import packed, unpacked
from tests.twins import solution as twin_solution

VALUE_OF = {WIN: 1, LOSS: -1, UNKNOWN: 0}


@pytest.mark.parametrize("rules", MINI_RULES)
def test_values_and_distances_equal_those_of_the_twin(rules, solved):
    values, distances = (open_table(table_path(rules, kind)) for kind in KINDS)
    index = build_index(RULES[rules])
    solution = twin_solution.solve(rules)
    for (own, opponent), (value, distance) in solution.items():
        number = locate(index, own, opponent)
        assert VALUE_OF[read_value(values, number)] == value
        assert distances[number] == (0 if distance is None else distance + 1)


@pytest.mark.parametrize("rules", ["mini-children", "mini-mature"])
def test_the_header_says_what_the_solution_holds(rules, solved):
    header = read_header(table_path(rules, DISTANCES))
    solution = twin_solution.solve(rules)
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


@pytest.mark.parametrize(
    "drawn",
    ["................/wwwbbwbb./wbw./. w 0", "................/w.wwbwb.b/..../. w 0"],
)
def test_wins_and_losses_that_rest_on_nothing_but_each_other_get_no_distances(drawn, unsolved, solved_folder):
    """With such a draw marked as won, others follow until all agree with their successors, but no end is reached."""
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


# Interruptions, kills, errors and damage -----------------------------------------------------------------------


@pytest.fixture
def kernels_home():
    """Where compiled kernels are kept: the home before a test changes it."""
    return home()


@pytest.mark.parametrize("rules", ["mini-standard", "mini-mature-optional"])
def test_interrupted_again_and_again_it_ends_with_the_same_bytes(rules, unsolved, solved_folder):
    interrupted, patience = 0, 20
    while True:
        try:
            solve(rules, distance=True, report=raising_after(patience))
            break
        except KeyboardInterrupt:
            interrupted += 1
            patience = patience * 5 // 4
    assert interrupted > 5
    assert_solved_as_in(solved_folder, unsolved, rules)


@pytest.mark.parametrize("excess", range(8))
def test_interrupted_at_any_excess_it_ends_with_the_same_bytes(excess, unsolved, solved_folder, monkeypatch):
    passes = iter(range(excess))
    with monkeypatch.context() as patch:

        def mark_all_outdated(self: Sweeper) -> None:
            if next(passes, None) is None:
                raise KeyboardInterrupt
            again(self)

        again = Sweeper.mark_all_outdated
        patch.setattr(Sweeper, "mark_all_outdated", mark_all_outdated)
        with pytest.raises(KeyboardInterrupt):
            solve("mini-mature", distance=True)
    solve("mini-mature", distance=True)
    assert_solved_as_in(solved_folder, unsolved, "mini-mature")


@pytest.mark.parametrize("rules", ["mini-mature", "mini-standard-optional"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("which", ["any", "images"])
def test_whatever_part_of_the_values_was_written_it_ends_with_the_same_bytes(
    rules, kept, which, unsolved, solved_folder
):
    """A kill of the process or of the machine can come between a loss and any of the wins that follow from it."""
    index, code = build_index(RULES[rules]), RULES[rules]
    numbers = int(index.offsets[-1])
    values = np.frombuffer((solved_folder / f"tables/{rules}.{VALUES}").read_bytes(), np.uint8)[HEADER_BYTES:]
    whole = unpacked(values)[:numbers]
    erased = np.random.default_rng(round(100 * kept)).random(numbers) >= kept
    if which == "images":  # and the wins: the positions that are no images do not bring them back
        first_of_all = np.ones(numbers, np.bool_)
        for shape, size in enumerate(index.sizes.tolist()):
            positions, offset = np.empty(size, np.int64), int(index.offsets[shape])
            list_positions(index, code, shape, offset, np.arange(size, dtype=np.int32), positions)
            first_of_all[offset : offset + size] = positions >= 0
        erased &= ~first_of_all | (whole == WIN)
    part = part_path(table_path(rules, VALUES))
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(HEADER_BYTES) + packed(np.where(erased, 0, whole)).tobytes())
    solve(rules, distance=True)
    assert_solved_as_in(solved_folder, unsolved, rules)


KILLED = """
import os, signal, sys
from pylos.solution.solving import solve

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


def test_killed_twice_it_ends_with_the_same_bytes(kernels_home, unsolved, solved_folder):
    for stage, table in [("values", VALUES), ("distances", DISTANCES)]:
        command = [sys.executable, "-c", KILLED, "mini-mature", str(unsolved), stage, "50"]
        killed = subprocess.run(command, env={**os.environ, "PYLOS_HOME": str(kernels_home)})
        assert killed.returncode == -signal.SIGKILL
        part = part_path(table_path("mini-mature", table))
        assert np.fromfile(part, np.uint8).any()
        assert not table_path("mini-mature", table).exists()
    solve("mini-mature", distance=True)
    assert_solved_as_in(solved_folder, unsolved, "mini-mature")


def test_a_table_gets_its_name_after_everything_in_it_was_checked(unsolved):
    there: dict[str, set[tuple[bool, ...]]] = {}

    def report(progress: Progress) -> None:
        names = tuple(table_path("mini-standard", kind).exists() for kind in KINDS)
        there.setdefault(progress.stage, set()).add(names)

    solve("mini-standard", distance=True, report=report)
    expected = {stage: {(i >= STAGES.index("open distances"), False)} for i, stage in enumerate(STAGES)}
    assert there == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_check_finds_a_wrong_entry_in_what_an_interrupted_run_left(kind, unsolved, solved_folder):
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
    assert_solved_as_in(solved_folder, unsolved, "mini-mature")


def test_of_two_solvers_at_once_the_second_is_refused(unsolved, solved_folder):
    refused = []

    def report(progress: Progress) -> None:
        if not refused:
            refused.append("")
            with pytest.raises(TableError) as error:
                solve("mini-standard")
            refused[0] = str(error.value)

    solve("mini-standard", distance=True, report=report)
    assert refused == ["another process is solving the mini-standard rules"]
    assert_solved_as_in(solved_folder, unsolved, "mini-standard")


def test_no_room_on_the_disk_is_one_sentence(unsolved, monkeypatch):
    def full(*_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(TableError) as error:
        solve("mini-standard")
    assert str(error.value).startswith(f"cannot create {unsolved}/tables/mini-standard.values.v1.part")
    assert str(error.value).endswith("No space left on device")
    assert not table_path("mini-standard", VALUES).exists()
