"""What is no sound checkpoint of ours is refused, in one line that says why, and none of its code runs."""

import io
import os
import random
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from saving import IO, error_of, same_state, sample_checkpoint

from pylos.checkpoints import (
    checkpoint_summary,
    load_checkpoint,
)
from pylos.errors import CheckpointError


def test_every_flipped_bit_is_detected_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
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
            assert same_state(checkpoint, sample_checkpoint()), f"bit {flip} went unnoticed"
    assert detected > 500  # the others hit padding, dates and the like


def test_damage_names_the_member(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(torch.full((50,), 10.0).numpy().tobytes()) + 2] ^= 1
    path.write_bytes(damaged)
    with zipfile.ZipFile(path) as archive:
        member = archive.testzip()
    assert member is not None
    assert "/data/" in member
    assert error_of(lambda: load_checkpoint(path)) == f"{path} is damaged: the checksum of {member} is wrong"
    assert error_of(lambda: IO.load_checkpoint(path)) == error_of(lambda: load_checkpoint(path))
    assert checkpoint_summary(path) == (1, 10)  # which does not read the tensors


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_truncated_file(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = error_of(lambda: load_checkpoint(path))
    assert message.startswith(f"{path} is ")
    assert ("damaged" in message) == (share > 0.0)


def test_every_truncation_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    content = path.read_bytes()
    lengths = random.Random(2).sample(range(len(content)), 300)
    for length in [*lengths, *range(len(content) - 30, len(content))]:
        path.write_bytes(content[:length])
        for read in (load_checkpoint, checkpoint_summary, IO.load_checkpoint):
            assert error_of(partial(read, path)).startswith(f"{path} is ")


def test_summary_does_not_read_the_buffer(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(size=4_000_000), path)
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
    torch.save({**sample_checkpoint(), "callbacks": _Bomb(target)}, path, pickle_protocol=protocol)
    for call in (load_checkpoint, checkpoint_summary, IO.load_checkpoint):
        message = error_of(partial(call, path))
        assert message.startswith(f"{path} is refused")
        assert protocol == 4 or "wants to run code (posix.mkdir)" in message
    assert "refused" in error_of(lambda: IO.load_checkpoint(path, weights_only=False))
    assert not target.exists()
    torch.load(path, weights_only=False)  # the bomb is a real one
    assert target.exists()


def _save_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, weight=np.ones(3))


def _without(key: str) -> Callable[[Path], None]:
    return lambda path: torch.save({k: v for k, v in sample_checkpoint().items() if k != key}, path)


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "not a checkpoint"),
    "text": (lambda path: path.write_text("hello"), "not a checkpoint"),
    "folder": (lambda path: path.mkdir(), "Is a directory"),
    "numpy": (_save_npz, "not a checkpoint"),
    "old torch": (lambda p: torch.save({}, p, _use_new_zipfile_serialization=False), "not a checkpoint"),
    "list": (lambda path: torch.save([1, 2], path), "not a checkpoint of PylosModule: it holds a list"),
    "weights": (
        lambda path: torch.save(sample_checkpoint()["state_dict"], path),
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
    message = error_of(lambda: load_checkpoint(path))
    assert str(path) in message
    assert reason in message


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    for call in (load_checkpoint, checkpoint_summary, IO.load_checkpoint):
        assert error_of(partial(call, path)) == f"no checkpoint {path}: No such file or directory"
