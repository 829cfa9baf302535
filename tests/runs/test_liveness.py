import os
import subprocess
import sys
from pathlib import Path

import pytest

from pylos.runs import liveness
from pylos.runs.folder import EVALUATION_LOCK, LOCK, locked
from pylos.runs.liveness import FRESH_SECONDS, is_training

HOLD = """
import sys; from pathlib import Path; from pylos.runs.folder import locked
with locked(Path(sys.argv[1])): print(flush=True); input()
"""
linux = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="this system does not list its locks")


@linux
def test_a_lock_of_another_process_is_seen_and_left_alone(tmp_path: Path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    holder.stdout.readline()
    assert is_training(tmp_path, [])
    holder.kill()
    holder.communicate()
    assert not is_training(tmp_path, [tmp_path / LOCK])  # the lock ends with the process, the file stays
    with locked(tmp_path):  # looking has not taken it
        assert is_training(tmp_path, [])
        with locked(tmp_path, EVALUATION_LOCK):
            assert not is_training(tmp_path, [])
        assert is_training(tmp_path, [])


@pytest.mark.parametrize("listed", [True, False])
def test_without_a_lock_the_age_of_the_files_tells(tmp_path: Path, monkeypatch, listed: bool):
    metrics = tmp_path / "metrics.csv"
    metrics.touch()
    if not listed:  # as on a system that lists no locks
        (tmp_path / LOCK).touch()
        monkeypatch.setattr(liveness, "_LOCKS", tmp_path / "none")
    assert is_training(tmp_path, [metrics])
    old = metrics.stat().st_mtime - 2 * FRESH_SECONDS
    os.utime(metrics, (old, old))
    assert not is_training(tmp_path, [metrics])
    assert not is_training(tmp_path, [tmp_path / "missing"])
