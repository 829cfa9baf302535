"""What interruptions, kills, errors, damage and a full disk do to a solver and its files."""

import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from pylos.errors import TableError
from pylos.game.rules import RULES
from pylos.solution import sweeping
from pylos.solution.indexing import build_index, list_positions
from pylos.solution.solving import STAGES, solve
from pylos.solution.sweeping import Progress, Sweeper
from pylos.solution.tables import DISTANCES, HEADER_BYTES, VALUES, part_path, table_path
from pylos.solution.values import WIN
from pylos.system.home import home
from tests.support.interruptions import KINDS, assert_solved_as_in, raising_after, raising_in


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
    """A kill, of the process or of the machine, may cut short what a loss has to write at any place."""
    index, code = build_index(RULES[rules]), RULES[rules]
    numbers = int(index.offsets[-1])
    values = np.frombuffer((solved_folder / f"tables/{rules}.{VALUES}").read_bytes(), np.uint8)[HEADER_BYTES:]
    whole = values[np.arange(numbers) >> 2] >> 2 * (np.arange(numbers) & 3) & 3
    erased = np.random.default_rng(round(100 * kept)).random(numbers) >= kept
    if which == "images":  # and the wins, which what was written about the others does not bring back
        first_of_all = np.ones(numbers, np.bool_)
        for shape, size in enumerate(index.sizes.tolist()):
            positions, offset = np.empty(size, np.int64), int(index.offsets[shape])
            list_positions(index, code, shape, offset, np.arange(size, dtype=np.int32), positions)
            first_of_all[offset : offset + size] = positions >= 0
        erased &= ~first_of_all | (whole == WIN)
    left = np.where(erased, 0, whole).astype(np.uint8)
    left = np.append(left, np.zeros(-len(left) % 4, np.uint8)).reshape(-1, 4)
    part = part_path(table_path(rules, VALUES))
    part.parent.mkdir(parents=True)
    part.write_bytes(
        bytes(HEADER_BYTES) + (left << np.array([0, 2, 4, 6], np.uint8)).sum(1, np.uint8).tobytes()
    )
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
