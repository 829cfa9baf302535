"""Checkpoints are written whole or not at all."""

import io
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch

from pylos.errors import CheckpointError
from pylos.network.checkpoints import load_checkpoint, read_progress
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.system.files import replacing
from tests.support.saving import IO, error_of, same_state, sample_checkpoint


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    assert same_state(load_checkpoint(path), sample_checkpoint())
    assert same_state(load_checkpoint(path, mmap=True), sample_checkpoint())
    assert same_state(IO.load_checkpoint(path), sample_checkpoint())
    assert read_progress(path) == (1, 10)
    assert [p.name for p in path.parent.iterdir()] == ["a.ckpt"]


def test_bare_weights_pass_through_the_io(tmp_path: Path) -> None:
    """Launchers that start processes hand the weights back in this way."""
    IO.save_checkpoint({"weight": torch.ones(2)}, tmp_path / "a.ckpt")
    assert same_state(IO.load_checkpoint(tmp_path / "a.ckpt"), {"weight": torch.ones(2)})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_in_the_middle_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(step=10), path)

    def torn_save(_: object, file: io.BufferedWriter) -> None:
        file.write(b"PK half a checkpoint")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn_save)
        with pytest.raises((CheckpointError, KeyboardInterrupt)) as caught:
            IO.save_checkpoint(sample_checkpoint(step=20), path)
    if isinstance(error, OSError):
        reason = "No space left on device; what was there before is untouched"
        assert str(caught.value) == f"cannot write {path}: {reason}"
    assert same_state(load_checkpoint(path), sample_checkpoint(step=10))
    assert [p.name for p in tmp_path.iterdir()] == ["a.ckpt"]


def test_no_temporary_folder_is_involved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    assert same_state(IO.load_checkpoint(path), sample_checkpoint())
    with replacing(path):
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ckpt", "a.ckpt.part"]


def test_process_killed_in_the_middle_of_a_save(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    IO.save_checkpoint(sample_checkpoint(step=10), path)
    code = (
        "import sys, time; from pylos.system.files import replacing\n"
        "with replacing(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('half', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"half\n"
    child.kill()
    child.communicate()
    assert same_state(load_checkpoint(path), sample_checkpoint(step=10))
    found, errors = find_checkpoints(tmp_path)
    assert ([f.path for f in found], errors) == ([path], [])
    assert (tmp_path / "last.ckpt.part").exists()  # or else the kill came too late
    IO.save_checkpoint(sample_checkpoint(step=20), path)
    assert same_state(load_checkpoint(path), sample_checkpoint(step=20))
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_killed_at_any_moment_the_checkpoint_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    # Made before the fork: tensor operations would wait for threads that a forked child does not have.
    choices = [sample_checkpoint(step=step, size=200_000) for step in range(3)]
    IO.save_checkpoint(choices[0], path)
    moments = random.Random(0)
    steps = set()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            try:
                for step in itertools.cycle(range(3)):
                    IO.save_checkpoint(choices[step], path)
            finally:
                os._exit(1)
        time.sleep(moments.uniform(0.0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        checkpoint = load_checkpoint(path)
        steps.add(checkpoint["global_step"])
        assert same_state(checkpoint, choices[checkpoint["global_step"]])
    assert len(steps) > 1  # or else nothing was ever saved


def test_removing_a_checkpoint_removes_no_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.ckpt" / "precious").mkdir(parents=True)
    (tmp_path / "link.ckpt").symlink_to("folder.ckpt")
    (tmp_path / "file.ckpt").touch()
    for name in ("folder", "link", "file", "missing"):
        IO.remove_checkpoint(tmp_path / f"{name}.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.ckpt"]
    assert (tmp_path / "folder.ckpt" / "precious").exists()


def test_what_is_no_checkpoint_of_lightning_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save([1, 2], path)
    assert error_of(lambda: IO.load_checkpoint(path)) == f"{path} is not a checkpoint: it holds a list"
    checkpoint = sample_checkpoint()
    del checkpoint["pytorch-lightning_version"]
    torch.save(checkpoint, path)
    assert "does not say of which version of Lightning" in error_of(lambda: IO.load_checkpoint(path))
    torch.save({**sample_checkpoint(), "epoch": -1}, path)
    assert "epoch" in error_of(lambda: IO.load_checkpoint(path))


def test_a_local_file_has_no_storage_options(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="takes no storage_options"):
        IO.save_checkpoint(sample_checkpoint(), tmp_path / "a.ckpt", storage_options={})
    assert not list(tmp_path.iterdir())
