"""Whether a run is training now, found out without touching its lock."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from pylos.runs.folder import EVALUATION_LOCK, LOCK
from pylos.system.files import read_bytes

FRESH_SECONDS = 300.0
"""Where locks cannot be looked up: a run that has written something so lately is training."""
_LOCKS = Path("/proc/locks")


def is_training(checkpoints: Path, written: Iterable[Path]) -> bool:
    """Whether a process trains a run.

    Its lock tells, where the system lists its locks (Linux) and the run has one: the command locks, a fit in Python
    does not. Otherwise the age of its files does.

    Args:
        checkpoints: the folder of its checkpoints, which holds the lock.
        written: what a training writes.
    """
    try:
        training, locked = (checkpoints / LOCK).stat().st_ino, _locked_inodes()
        return training in locked and not _is_evaluating(checkpoints, locked)
    except OSError:
        return _age(written) < FRESH_SECONDS


def _is_evaluating(checkpoints: Path, locked: set[int]) -> bool:
    try:
        return (checkpoints / EVALUATION_LOCK).stat().st_ino in locked
    except FileNotFoundError:
        return False


def _locked_inodes() -> set[int]:
    """The files that a process has locked. Devices do not count: some file systems name another one to `stat`.

    Raises:
        OSError: this system does not list them.
    """
    # A row such as `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`. Rows with -> wait for a lock.
    rows = [row.split() for row in read_bytes(_LOCKS).decode(errors="replace").splitlines()]
    return {
        int(row[5].rpartition(":")[2])
        for row in rows
        if len(row) > 5 and row[1] in ("FLOCK", "OFDLCK", "POSIX")
    }


def _age(paths: Iterable[Path]) -> float:
    """Seconds since one of the files was written; infinite if there is none."""
    ages = [float("inf")]
    for path in paths:
        try:
            ages.append(time.time() - path.stat().st_mtime)
        except OSError:
            continue
    return min(ages)
