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

from pylos.errors import CheckpointError
from pylos.network.checkpoint_format import VERSION, VERSION_KEY
from pylos.network.checkpoints import load_checkpoint, read_progress
from pylos.network.torch_archive import check_archive
from tests.support.saving import IO, error_of, same_state, sample_checkpoint


def test_every_flipped_bit_is_detected_or_harmless(tmp_path: Path) -> None:
    """All of them: in the numbers, in the headers, in the directory, in the padding."""
    path = tmp_path / "a.ckpt"
    checkpoint = {
        "epoch": 1,
        "global_step": 10,
        "state_dict": {"weight": torch.full((5,), 10.0), "half": torch.ones(3, dtype=torch.bfloat16)},
        "hyper_parameters": {"rules": "standard"},
        VERSION_KEY: VERSION,
    }
    IO.save_checkpoint(checkpoint, path)
    good = path.read_bytes()
    harmless = set()
    with open(path, "r+b", buffering=0) as file:
        for bit in range(8 * len(good)):
            file.seek(bit // 8)
            file.write(bytes([good[bit // 8] ^ 1 << bit % 8]))
            try:
                loaded = load_checkpoint(path)
            except CheckpointError:
                pass
            else:
                assert same_state(loaded, checkpoint), f"bit {bit} went unnoticed"
                harmless.add(bit // 8)
            file.seek(bit // 8)
            file.write(good[bit // 8 : bit // 8 + 1])
    numbers = good.index(torch.full((5,), 10.0).numpy().tobytes())
    assert not harmless & set(range(numbers, numbers + 20))
    assert len(harmless) < 0.45 * len(good)  # the padding before the tensors, dates and the like


@pytest.mark.parametrize("structure_only", [False, True])
def test_nothing_is_decompressed_and_no_member_is_larger_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, structure_only: bool
) -> None:
    bomb, liar = tmp_path / "bomb.ckpt", tmp_path / "liar.ckpt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    IO.save_checkpoint(sample_checkpoint(), liar)
    content = bytearray(liar.read_bytes())
    entry = content.rindex(b"archive/data/0") - 46  # in the directory
    for size in (entry + 20, entry + 24):
        content[size : size + 4] = (1 << 31).to_bytes(4, "little")
    liar.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        # Nothing is read before the sizes are known to be true.
        patch.setattr(zipfile.ZipExtFile, "read", None)
        for path in (bomb, liar):
            message = error_of(lambda path=path: check_archive(path, structure_only))
            assert message == f"{path} is damaged: its table of contents is missing or broken"


def test_a_size_that_reaches_into_the_directory_is_refused(tmp_path: Path) -> None:
    """Without checksums after the data, which other programs leave out, nothing else shows it."""
    path = tmp_path / "a.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"0123456789")
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"archive/data.pkl") - 46
    content[entry + 38 : entry + 42] = bytes(4)  # permissions, which torch does not write
    path.write_bytes(content)
    check_archive(path, structure_only=False)
    for size in (entry + 20, entry + 24):
        content[size : size + 4] = (11).to_bytes(4, "little")
    path.write_bytes(content)
    assert "table of contents" in error_of(lambda: check_archive(path, structure_only=True))


@pytest.mark.parametrize("bit", range(9))
def test_the_data_of_a_tensor_lies_where_the_directory_says(tmp_path: Path, bit: int) -> None:
    """The length of the padding before it is in its own header alone. Numbers that are not read have no checksum."""
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    content = bytearray(path.read_bytes())
    length = content.index(b"archive/data/1") - 2
    content[length + bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    assert "table of contents" in error_of(lambda: check_archive(path, structure_only=True))


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    """torch reads one of them, the checksum is that of the other."""
    path = tmp_path / "a.ckpt"
    IO.save_checkpoint(sample_checkpoint(), path)
    path.write_bytes(path.read_bytes().replace(b"archive/data/1", b"archive/data/0"))
    assert "is damaged" in error_of(lambda: load_checkpoint(path))


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
    assert read_progress(path) == (1, 10)  # which does not read the tensors


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
        for read in (load_checkpoint, read_progress, IO.load_checkpoint):
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
        assert read_progress(path) == (1, 10)
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
    for call in (load_checkpoint, read_progress, IO.load_checkpoint):
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
    for call in (load_checkpoint, read_progress, IO.load_checkpoint):
        assert error_of(partial(call, path)) == f"no checkpoint {path}: No such file or directory"
