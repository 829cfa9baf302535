"""`pylos solve` and `pylos suite` as their user sees them."""

import os
import shutil

import numpy as np
import pytest

from pylos.cli import solve_report
from pylos.cli.main import main
from pylos.cli.solve_report import SolveReport, describe_solution
from pylos.solution.solving import STAGES
from pylos.solution.sweeping import Progress
from pylos.solution.tables import DISTANCES, VALUES, table_path
from pylos.truth.suite import load_suite, read_suite

KINDS = (VALUES, DISTANCES)


def test_solve_says_what_came_out(unsolved, capsys):
    assert main(["solve", "--rules", "mini-children", "--distance"]) == 0
    out = capsys.readouterr().out
    assert f"{STAGES[-1]}: done; " in out
    assert "the start is a loss for the first player after 16 turns" in out
    assert "105,053 positions (14,202 up to symmetry): 46,487 won, 58,566 lost, 0 drawn" in out
    assert "GiB of memory" in out
    assert (unsolved / "tables" / "mini-children.distances").exists()
    assert main(["solve", "--rules", "mini-children"]) == 0
    assert "done" not in capsys.readouterr().out, "nothing is left to do"


@pytest.mark.parametrize("kind", KINDS)
def test_solve_compares_what_is_there_already(kind, unsolved, solved_folder, capsys):
    shutil.copytree(solved_folder, unsolved)
    command = ["solve", "--rules", "mini-standard", "--distance"]
    assert main(command) == 0
    assert "was compared" in capsys.readouterr().out
    path = table_path("mini-standard", kind)
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert main(command) == 2
    captured = capsys.readouterr()
    assert "was compared" not in captured.out
    assert f"{path} is damaged, its checksum is wrong: delete it" in captured.err


@pytest.mark.parametrize(("command", "wrong"), [("solve", "no rules"), ("suite", "no rules")])
def test_unknown_rules_are_refused(command, wrong, capsys):
    assert main([command, "--rules", wrong]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_suite_needs_a_solution(unsolved, capsys):
    assert main(["suite", "--rules", "standard"]) == 2
    assert "pylos solve --rules standard" in capsys.readouterr().err


def test_suite_writes_what_ships(solved, tmp_path, capsys):
    path = tmp_path / "suite.npz"
    assert main(["suite", "--rules", "mini-standard", "--out", str(path)]) == 0
    shipped, made = load_suite("mini-standard"), read_suite(path)
    assert shipped is not None
    assert np.array_equal(made.positions, shipped.positions)
    assert np.array_equal(made.action_values, shipped.action_values)
    assert made.recipe == shipped.recipe
    assert f"{len(made):,} decision positions" in capsys.readouterr().out


def test_a_suite_that_cannot_be_written_is_refused_before_it_is_made(solved, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pylos.truth.making.make_suite", lambda *_: pytest.fail("it was made"))
    with pytest.raises(pytest.fail.Exception):
        main(["suite", "--rules", "mini-standard", "--out", str(tmp_path / "new.npz")])
    old = tmp_path / "old.npz"
    old.write_bytes(b"old")
    with pytest.raises(pytest.fail.Exception):
        main(["suite", "--rules", "mini-standard", "--out", str(old)])
    assert list(tmp_path.iterdir()) == [old]  # an interrupted one leaves nothing, and what was there
    assert old.read_bytes() == b"old"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", old / "new.npz"):
        assert main(["suite", "--rules", "mini-standard", "--out", str(path)]) == 2
        assert str(path.parent if path.name == "new.npz" else path) in capsys.readouterr().err


def test_a_stage_that_takes_no_time_has_no_line(monkeypatch, capsys):
    clock = [1e6]
    monkeypatch.setattr(solve_report.time, "monotonic", lambda: clock[0])
    with SolveReport("standard") as report:
        for stage, seconds in zip(STAGES, (2, 40, 0.2, 100, 5), strict=True):
            report(Progress(stage, 0, 100))
            clock[0] += seconds
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == ["values: done in 2 s", "check values: done in 40 s", "distances: done in 2 min"]
    assert lines[-1].startswith("check distances: done; 2 min in all")


@pytest.mark.parametrize("stages", [STAGES[:2], STAGES[2:], STAGES])
def test_estimates_become_shorter(stages, monkeypatch, capsys):
    clock = [1e6]
    monkeypatch.setattr(solve_report.time, "monotonic", lambda: clock[0])
    with SolveReport("standard") as report:
        for stage in stages:
            for done in (0, 50, 100):
                report(Progress(stage, done, 100))
                clock[0] += 60
    lines = [line for line in capsys.readouterr().err.splitlines() if "left" in line]
    left = [int(line.split("about ")[1].split(" ")[0]) for line in lines]
    assert len(left) >= 4
    assert left[-1] < left[0]
    assert min(left) >= 0
    assert left[-1] <= 1
    assert max(left) < 1000  # counted from the start, not from where the clock began


@pytest.mark.parametrize("stages", [STAGES[:1], STAGES[2:4]])
def test_estimates_do_not_grow_after_the_first_look(stages, monkeypatch, capsys):
    """Nobody knows how many more sweeps there will be, but so far estimates fell as time went by."""
    clock = [100.0]
    monkeypatch.setattr(solve_report.time, "monotonic", lambda: clock[0])
    with SolveReport("mature") as report:
        for stage in stages:
            for done in (0, *range(10, 100, 10), *[100] * 20):
                report(Progress(stage, done, 100))
                clock[0] += 60
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"{stages[-1]}: 100%")]
    assert len(lines) == 20
    left = [int(line.split("about ")[1].split(" ")[0]) for line in lines if " min left" in line]
    assert left == sorted(left, reverse=True)
    assert left[-1] < left[0] - 5


def test_the_published_solution_is_compared():
    facts = {
        "rules": "standard",
        "kind": "distances",
        "start": -1,
        "start_distance": 40,
        "wins_losses_draws": [3, 2, 1],
        "up_to_symmetry": [1, 1, 1],
    }
    assert ", as published (a loss after 40)" in describe_solution(facts)
    assert ", NOT as published (a loss after 40)" in describe_solution({**facts, "start_distance": 38})
    assert ", NOT as published" in describe_solution({**facts, "start": 1})
    assert "published" not in describe_solution({**facts, "rules": "standard-optional"})
