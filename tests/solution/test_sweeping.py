"""Sweeps: what is looked at, in which order, how often, and what an error in one of the threads does."""

import os
import threading

import pytest

from pylos.game.rules import RULES
from pylos.solution import sweeping
from pylos.solution.indexing import build_index
from pylos.solution.solving import STAGES, solve
from pylos.solution.sweeping import Progress, Sweeper
from pylos.solution.tables import DISTANCES, VALUES

COLOURINGS = int(build_index(RULES["mini-standard"]).sizes.sum())


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
