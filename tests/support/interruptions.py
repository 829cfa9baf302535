"""Interrupts the solver, and compares what it made in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pylos.solution.sweeping import Progress
from pylos.solution.tables import DISTANCES, VALUES

KINDS = (VALUES, DISTANCES)


def assert_solved_as_in(solved_folder: Path, unsolved: Path, rules: str) -> None:
    """Checks that both tables are the same to the last byte, and that no unfinished one is left."""
    for kind in KINDS:
        name = f"tables/{rules}.{kind}"
        assert (unsolved / name).read_bytes() == (solved_folder / name).read_bytes()
    assert not list(unsolved.rglob("*.part"))


def raising_after(count: int, error: type[BaseException] = KeyboardInterrupt) -> Callable[[Progress], None]:
    """A report that raises when it was called `count` times before."""
    reports, lock = iter(range(count)), threading.Lock()

    def report(progress: Progress) -> None:
        with lock:
            if next(reports, None) is None:
                raise error

    return report


def raising_in(stage: str) -> Callable[[Progress], None]:
    """A report that raises when a stage begins."""

    def report(progress: Progress) -> None:
        if progress.stage == stage:
            raise KeyboardInterrupt

    return report
