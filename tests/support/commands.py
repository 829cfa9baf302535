"""The `pylos` command as its user runs it, and what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

PYLOS = Path(sys.executable).with_name("pylos")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}  # the networks are tiny


def hear_interrupts() -> None:
    """Lets Ctrl-C have its effect, although the tests may run in the background of a script, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_pylos(*arguments: str | Path) -> subprocess.CompletedProcess:
    """The command in a process of its own."""
    command = [PYLOS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)


def assert_refused(result: subprocess.CompletedProcess, *parts: str) -> None:
    """One line that names what is wrong, and nothing else."""
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("pylos: error: ")
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr


def snapshot(folder: Path) -> dict[Path, bytes]:
    """All files below a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
