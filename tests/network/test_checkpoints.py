"""Checkpoints are written whole or not at all, and found again."""

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
from pylos.network.checkpoints import checkpoint_summary, load_checkpoint
from pylos.runs.checkpoint_files import CheckpointFile, find_checkpoints, resolve_run
from pylos.system.files import atomic_write, replacing
from tests.support.saving import IO, error_of, same_state, sample_checkpoint

# Writing


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    assert same_state(load_checkpoint(path), sample_checkpoint())
    assert same_state(load_checkpoint(path, mmap=True), sample_checkpoint())
    assert same_state(IO.load_checkpoint(path), sample_checkpoint())
    assert checkpoint_summary(path) == (1, 10)
    assert [p.name for p in path.parent.iterdir()] == ["a.ckpt"]


def test_bare_weights_pass_through_the_io(tmp_path: Path) -> None:
    """Launchers that start processes hand the weights back this way."""
    IO.save_checkpoint({"weight": torch.ones(2)}, tmp_path / "a.ckpt")
    assert same_state(IO.load_checkpoint(tmp_path / "a.ckpt"), {"weight": torch.ones(2)})


@pytest.mark.parametrize("content", ["grüße\n", b"\x00\xff", ""])
def test_atomic_write(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "file"
    path.write_text("a longer text that stood there before")
    atomic_write(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


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


def test_content_is_on_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut can undo cannot be tried here; the order of the system calls can."""
    path = tmp_path / "file"
    events = []
    fsync, rename = os.fsync, os.replace

    def recording_fsync(descriptor: int) -> None:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
        events.append(("fsync", target, os.path.getsize(target) if os.path.isfile(target) else None))
        fsync(descriptor)

    def recording_replace(source: str, target: str) -> None:
        events.append(("replace", source, target))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    atomic_write(path, b"12345")
    part = f"{path}.part"
    assert events == [("fsync", part, 5), ("replace", part, str(path)), ("fsync", str(tmp_path), None)]


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


# Finding


def test_find_sorts_and_tolerates(tmp_path: Path) -> None:
    for name, epoch, step in (("z", 0, 5), ("last", 2, 15), ("best-002", 2, 15), ("a", 1, 10)):
        IO.save_checkpoint(sample_checkpoint(epoch, step), tmp_path / f"{name}.ckpt")
    (tmp_path / "torn.ckpt").write_bytes((tmp_path / "a.ckpt").read_bytes()[:-100])
    (tmp_path / "gone.ckpt").symlink_to("nowhere.ckpt")
    (tmp_path / "last.ckpt.part").write_text("half")
    (tmp_path / "manifest.json").write_text("{}")
    found, errors = find_checkpoints(tmp_path)
    assert found == [
        CheckpointFile(tmp_path / "z.ckpt", 0, 5),
        CheckpointFile(tmp_path / "a.ckpt", 1, 10),
        CheckpointFile(tmp_path / "best-002.ckpt", 2, 15),
        CheckpointFile(tmp_path / "last.ckpt", 2, 15),
    ]
    assert ["gone.ckpt" in str(errors[0]), "torn.ckpt" in str(errors[1]), len(errors)] == [True, True, 2]
    assert find_checkpoints(tmp_path / "nowhere") == ([], [])


def test_resolve_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "lightning_logs" / "quick"
    folder = run / "checkpoints"
    folder.mkdir(parents=True)
    IO.save_checkpoint(sample_checkpoint(), folder / "last.ckpt")
    for path in (run, folder, folder / "last.ckpt"):
        assert resolve_run(path) == folder
    monkeypatch.chdir(folder)
    assert resolve_run(".").resolve() == folder
    (tmp_path / "new" / "checkpoints").mkdir(parents=True)
    for path in (tmp_path / "new", tmp_path / "new" / "checkpoints"):  # nothing in it yet
        assert resolve_run(path) == tmp_path / "new" / "checkpoints"
    flat = tmp_path / "flat"
    IO.save_checkpoint(sample_checkpoint(), flat / "a.ckpt")
    assert resolve_run(flat) == flat

    (run / "config.yaml").write_text("")
    assert "no run at" in error_of(lambda: resolve_run(tmp_path / "nowhere"))
    assert "no run at" in error_of(lambda: resolve_run(folder / "nowhere.ckpt"))
    assert "holds no checkpoints" in error_of(lambda: resolve_run(tmp_path / "lightning_logs"))
    assert "neither a run nor a checkpoint" in error_of(lambda: resolve_run(run / "config.yaml"))


@pytest.mark.parametrize(
    ("loops", "epoch"),
    [
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}}, 0),  # within the second epoch
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 2}}}}, 1),  # at its end
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 0}}}}, -1),
        ({"fit_loop": {"epoch_progress": {"current": {"processed": -9}}}}, 1),
        ({"fit_loop": {}}, 1),
        ({}, 1),
    ],
)
def test_the_summary_tells_the_last_finished_epoch(tmp_path: Path, loops: object, epoch: int) -> None:
    IO.save_checkpoint({**sample_checkpoint(), "loops": loops}, tmp_path / "a.ckpt")
    assert checkpoint_summary(tmp_path / "a.ckpt") == (epoch, 10)
