import io
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pylos.checkpoint_io import AtomicCheckpointIO
from pylos.checkpoints import (
    CheckpointFile,
    atomic_write,
    checkpoint_summary,
    find_checkpoints,
    load_checkpoint,
    replacing,
    resolve_run,
)
from pylos.errors import CheckpointError

IO = AtomicCheckpointIO()


def _checkpoint(epoch: int = 1, step: int = 10, size: int = 50) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "global_step": step,
        "state_dict": {
            "weight": torch.full((size,), float(step)),
            "half": torch.ones(3, dtype=torch.bfloat16),
        },
        "hyper_parameters": {"learning_rate": 1e-3, "rules": "standard"},
        "SelfPlayDataModule": {"buffer": torch.arange(size)},
    }


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def _error(call: Callable[[], object]) -> str:
    """The message of the error that a call must raise: one line, and nothing of torch's advice to load unsafely."""
    with pytest.raises(CheckpointError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert "weights_only" not in message
    return message


# Writing


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.ckpt"
    IO.save_checkpoint(_checkpoint(), path)
    assert _same(load_checkpoint(path), _checkpoint())
    assert _same(load_checkpoint(path, mmap=True), _checkpoint())
    assert _same(IO.load_checkpoint(path), _checkpoint())
    assert checkpoint_summary(path) == (1, 10)
    assert [p.name for p in path.parent.iterdir()] == ["a.ckpt"]


def test_agreed_name_of_the_io_class() -> None:
    from pylos import checkpoints

    assert checkpoints.AtomicCheckpointIO is AtomicCheckpointIO


def test_bare_weights_pass_through_the_io(tmp_path: Path) -> None:
    """Launchers that start processes hand the weights back this way."""
    IO.save_checkpoint({"weight": torch.ones(2)}, tmp_path / "a.ckpt")
    assert _same(IO.load_checkpoint(tmp_path / "a.ckpt"), {"weight": torch.ones(2)})


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
    IO.save_checkpoint(_checkpoint(step=10), path)

    def torn_save(_: object, file: io.BufferedWriter) -> None:
        file.write(b"PK half a checkpoint")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn_save)
        with pytest.raises((CheckpointError, KeyboardInterrupt)) as caught:
            IO.save_checkpoint(_checkpoint(step=20), path)
    if isinstance(error, OSError):
        reason = "No space left on device; what was there before is untouched"
        assert str(caught.value) == f"cannot write {path}: {reason}"
    assert _same(load_checkpoint(path), _checkpoint(step=10))
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
    IO.save_checkpoint(_checkpoint(), path)
    assert _same(IO.load_checkpoint(path), _checkpoint())
    with replacing(path):
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ckpt", "a.ckpt.part"]


def test_process_killed_in_the_middle_of_a_save(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    IO.save_checkpoint(_checkpoint(step=10), path)
    code = (
        "import sys, time; from pylos.checkpoints import replacing\n"
        "with replacing(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); print('half', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"half\n"
    child.kill()
    child.communicate()
    assert _same(load_checkpoint(path), _checkpoint(step=10))
    found, errors = find_checkpoints(tmp_path)
    assert ([f.path for f in found], errors) == ([path], [])
    assert (tmp_path / "last.ckpt.part").exists()  # or else the kill came too late
    IO.save_checkpoint(_checkpoint(step=20), path)
    assert _same(load_checkpoint(path), _checkpoint(step=20))
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_killed_at_any_moment_the_checkpoint_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    # Made before the fork: tensor operations would wait for threads that a forked child does not have.
    choices = [_checkpoint(step=step, size=200_000) for step in range(3)]
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
        assert _same(checkpoint, choices[checkpoint["global_step"]])
    assert len(steps) > 1  # or else nothing was ever saved


# Reading


def test_every_flipped_bit_is_detected_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(_checkpoint(), path)
    good = path.read_bytes()
    flips = random.Random(1).sample(range(8 * len(good)), 2000)
    weights = good.index(torch.full((50,), 10.0).numpy().tobytes())
    flips.append(8 * (weights + 2))  # 10.0 would silently become 10.000015 or so
    detected = 0
    for flip in flips:
        bad = bytearray(good)
        bad[flip // 8] ^= 1 << flip % 8
        path.write_bytes(bad)
        try:
            checkpoint = load_checkpoint(path)
        except CheckpointError:
            detected += 1
        else:
            assert _same(checkpoint, _checkpoint()), f"bit {flip} went unnoticed"
    assert detected > 500  # the others hit padding, dates and the like


def test_damage_names_the_member(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(_checkpoint(), path)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(torch.full((50,), 10.0).numpy().tobytes()) + 2] ^= 1
    path.write_bytes(damaged)
    with zipfile.ZipFile(path) as archive:
        member = archive.testzip()
    assert member is not None
    assert "/data/" in member
    assert _error(lambda: load_checkpoint(path)) == f"{path} is damaged: the checksum of {member} is wrong"
    assert _error(lambda: IO.load_checkpoint(path)) == _error(lambda: load_checkpoint(path))
    assert checkpoint_summary(path) == (1, 10)  # which does not read the tensors


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_truncated_file(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(_checkpoint(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = _error(lambda: load_checkpoint(path))
    assert message.startswith(f"{path} is ")
    assert ("damaged" in message) == (share > 0.0)


def test_every_truncation_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(_checkpoint(), path)
    content = path.read_bytes()
    lengths = random.Random(2).sample(range(len(content)), 300)
    for length in [*lengths, *range(len(content) - 30, len(content))]:
        path.write_bytes(content[:length])
        for read in (load_checkpoint, checkpoint_summary, IO.load_checkpoint):
            assert _error(partial(read, path)).startswith(f"{path} is ")


def test_summary_does_not_read_the_buffer(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(_checkpoint(size=4_000_000), path)
    read = 0

    class CountingFile(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            data = super().read(-1 if size is None else size)
            read += len(data)
            return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.open", lambda file, mode="r", *args, **kwargs: CountingFile(file, "r"))
        assert checkpoint_summary(path) == (1, 10)
    assert 0 < read < 100_000 < path.stat().st_size


class _Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    path, target = tmp_path / "a.ckpt", tmp_path / "executed"
    torch.save({**_checkpoint(), "callbacks": _Bomb(target)}, path, pickle_protocol=protocol)
    for call in (load_checkpoint, checkpoint_summary, IO.load_checkpoint):
        message = _error(partial(call, path))
        assert message.startswith(f"{path} is refused")
        assert protocol == 4 or "wants to run code (posix.mkdir)" in message
    assert "refused" in _error(lambda: IO.load_checkpoint(path, weights_only=False))
    assert not target.exists()
    torch.load(path, weights_only=False)  # the bomb is a real one
    assert target.exists()


def _save_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, weight=np.ones(3))


def _without(key: str) -> Callable[[Path], None]:
    return lambda path: torch.save({k: v for k, v in _checkpoint().items() if k != key}, path)


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "not a checkpoint"),
    "text": (lambda path: path.write_text("hello"), "not a checkpoint"),
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "numpy": (_save_npz, "not a checkpoint"),
    "old torch": (lambda p: torch.save({}, p, _use_new_zipfile_serialization=False), "not a checkpoint"),
    "list": (lambda path: torch.save([1, 2], path), "not a checkpoint of PylosModule: it holds a list"),
    "weights": (
        lambda path: torch.save(_checkpoint()["state_dict"], path),
        "not a checkpoint of PylosModule",
    ),
    "no state_dict": (_without("state_dict"), "it lacks state_dict"),
    "no hyper_parameters": (_without("hyper_parameters"), "it lacks hyper_parameters"),
    "no epoch": (_without("epoch"), "it lacks epoch"),
    "no global_step": (_without("global_step"), "it lacks global_step"),
    "numpy inside": (lambda path: torch.save({"epoch": np.float64(1)}, path), "wants to run code (numpy"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file(tmp_path: Path, kind: str) -> None:
    write, reason = FOREIGN[kind]
    path = tmp_path / "a.ckpt"
    write(path)
    message = _error(lambda: load_checkpoint(path))
    assert str(path) in message
    assert reason in message


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    for call in (load_checkpoint, checkpoint_summary, IO.load_checkpoint):
        assert _error(partial(call, path)) == f"no checkpoint {path}: No such file or directory"


# Finding


def test_find_sorts_and_tolerates(tmp_path: Path) -> None:
    for name, epoch, step in (("z", 0, 5), ("last", 2, 15), ("best-002", 2, 15), ("a", 1, 10)):
        IO.save_checkpoint(_checkpoint(epoch, step), tmp_path / f"{name}.ckpt")
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
    IO.save_checkpoint(_checkpoint(), folder / "last.ckpt")
    for path in (run, folder, folder / "last.ckpt"):
        assert resolve_run(path) == folder
    monkeypatch.chdir(folder)
    assert resolve_run(".").resolve() == folder
    (tmp_path / "new" / "checkpoints").mkdir(parents=True)
    for path in (tmp_path / "new", tmp_path / "new" / "checkpoints"):  # nothing in it yet
        assert resolve_run(path) == tmp_path / "new" / "checkpoints"
    flat = tmp_path / "flat"
    IO.save_checkpoint(_checkpoint(), flat / "a.ckpt")
    assert resolve_run(flat) == flat

    (run / "config.yaml").write_text("")
    assert "no run at" in _error(lambda: resolve_run(tmp_path / "nowhere"))
    assert "no run at" in _error(lambda: resolve_run(folder / "nowhere.ckpt"))
    assert "holds no checkpoints" in _error(lambda: resolve_run(tmp_path / "lightning_logs"))
    assert "neither a run nor a checkpoint" in _error(lambda: resolve_run(run / "config.yaml"))
