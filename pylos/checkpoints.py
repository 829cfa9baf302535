"""Checkpoint files: written whole or not at all, checked when read, found in the folder of a run.

Nothing here imports torch before a checkpoint is read, and nothing imports Lightning, so that playing from a
checkpoint starts fast. ``AtomicCheckpointIO``, which Lightning needs, lives in ``pylos.checkpoint_io``.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pylos.errors import CheckpointError

if TYPE_CHECKING:
    from pylos.checkpoint_io import AtomicCheckpointIO as AtomicCheckpointIO

StrPath = str | os.PathLike[str]

SUFFIX = ".ckpt"
PART = ".part"
"""The suffix of files that are being written."""
FOLDER = "checkpoints"
"""The folder inside that of a run that holds its checkpoints and their manifest."""

REQUIRED = {"state_dict": dict, "hyper_parameters": dict, "epoch": int, "global_step": int}
"""What a file must hold to be a Lightning checkpoint of our module."""


def __getattr__(name: str) -> Any:
    if name == "AtomicCheckpointIO":
        from pylos.checkpoint_io import AtomicCheckpointIO

        return AtomicCheckpointIO
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Writing ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """Opens a file that takes the place of ``path`` at the end of the block, or never.

    Whatever happens, a kill or a power cut included, ``path`` is either what it was or the new file, whole.
    The new one is written beside it under a fixed name, so that a kill leaves at most one such file, which
    the next attempt overwrites. Only one process at a time may write a given file.
    """
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    part = path + PART
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise
    # The new name is safe only when the folder has reached the disk as well.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: StrPath, content: str | bytes) -> None:
    """Writes a file whole or not at all; text as UTF-8."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


# Reading ----------------------------------------------------------------------------------------------------


def load_checkpoint(path: StrPath, mmap: bool = False) -> dict[str, Any]:
    """Reads a checkpoint of our module to the CPU.

    Args:
        path: the file.
        mmap: leave tensors on disk until they are used. Their checksums are then not tested, only those of
            everything else.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint of our module, or wants to run code.
    """
    checkpoint = read_torch_file(path, mmap=mmap)
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f"{path} is not a checkpoint of PylosModule: it holds a {type(checkpoint).__name__}"
        )
    wrong = [key for key, kind in REQUIRED.items() if not isinstance(checkpoint.get(key), kind)]
    if wrong:
        raise CheckpointError(f"{path} is not a checkpoint of PylosModule: it lacks {', '.join(wrong)}")
    return checkpoint


def check_rules(checkpoint: Mapping[str, Any], rules: str, name: StrPath) -> None:
    """Raises CheckpointError if a checkpoint, called by a name, was trained for other rules."""
    theirs = checkpoint["hyper_parameters"].get("rules")
    if theirs != rules:
        raise CheckpointError(f"{name} was trained for {theirs!r} rules, not for {rules!r}")


def checkpoint_summary(path: StrPath) -> tuple[int, int]:
    """The epoch and the global step of a checkpoint, without reading its tensors.

    Raises:
        CheckpointError: as ``load_checkpoint``.
    """
    checkpoint = load_checkpoint(path, mmap=True)
    return checkpoint["epoch"], checkpoint["global_step"]


def read_torch_file(path: StrPath, mmap: bool = False, map_location: Any = "cpu") -> Any:
    """Reads anything that ``torch.save`` wrote, without running code from it, after testing its checksums.

    Raises:
        CheckpointError: the file is missing, damaged, not a torch file, or wants to run code.
    """
    _test_checksums(path, structure_only=mmap)
    import torch

    try:
        return torch.load(os.fspath(path), map_location=map_location, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError:
        raise CheckpointError(f"{path} is refused: {_forbidden(path)}") from None
    except Exception as error:  # foreign, as the checksums are right; torch then raises anything
        raise CheckpointError(f"torch cannot read {path}: {_first_line(error)}") from None


def _test_checksums(path: StrPath, structure_only: bool) -> None:
    """Tests the checksums of the zip file's members, which torch does not: it loads flipped bits silently.

    Args:
        path: the file.
        structure_only: leave out the members that hold the tensors' numbers.
    """
    try:
        with open(path, "rb") as file:
            archive = _open_archive(path, file)
            for member in archive.namelist():
                if not (structure_only and "/data/" in member):
                    _test_member(path, archive, member)
    except OSError as error:
        raise CheckpointError(f"no checkpoint {path}: {error.strerror or error}") from None


def _open_archive(path: StrPath, file: IO[bytes]) -> zipfile.ZipFile:
    """Opens what must be a zip file with the members of a torch file."""
    if file.read(4) != b"PK\x03\x04":
        raise CheckpointError(f"{path} is not a checkpoint")
    try:
        archive = zipfile.ZipFile(file)
    except Exception:  # which one depends on the bit that flipped
        raise CheckpointError(f"{path} is damaged: its table of contents is missing or broken") from None
    members = {name.partition("/")[2] for name in archive.namelist()}
    if "data.pkl" not in members or "constants.pkl" in members:  # the latter marks TorchScript
        raise CheckpointError(f"{path} is not a checkpoint")
    return archive


def _test_member(path: StrPath, archive: zipfile.ZipFile, member: str) -> None:
    try:
        with archive.open(member) as content:
            while content.read(1 << 20):
                pass
    except Exception:  # which one depends on the bit that flipped
        raise CheckpointError(f"{path} is damaged: the checksum of {member} is wrong") from None


def _forbidden(path: StrPath) -> str:
    """Why torch refused to load a file as plain data; its own text advises to load it without protection."""
    from torch.serialization import get_unsafe_globals_in_checkpoint

    with contextlib.suppress(Exception):  # what it cannot make sense of is refused just the same
        if names := sorted(get_unsafe_globals_in_checkpoint(os.fspath(path))):
            return f"it wants to run code ({', '.join(names)})"
    return "it holds more than plain data"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


# Finding ----------------------------------------------------------------------------------------------------


class CheckpointFile(NamedTuple):
    """A readable checkpoint on disk."""

    path: Path
    epoch: int
    step: int


def find_checkpoints(folder: StrPath) -> tuple[list[CheckpointFile], list[CheckpointError]]:
    """Lists the checkpoints directly in a folder.

    Returns:
        The readable ones, by step and then by name, and for each of the others what is wrong with it, by
        name. The numbers in their tensors are not tested.
    """
    found, errors = [], []
    for path in sorted(Path(folder).glob(f"*{SUFFIX}")):
        try:
            found.append(CheckpointFile(path, *checkpoint_summary(path)))
        except CheckpointError as error:
            errors.append(error)
    return sorted(found, key=lambda checkpoint: (checkpoint.step, checkpoint.path.name)), errors


def resolve_run(path: StrPath) -> Path:
    """The folder of a run's checkpoints, from the run's folder, that folder itself, or a checkpoint in it.

    Raises:
        CheckpointError: there is no such path, or no checkpoints where it leads.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"no run at {path}")
    if path.is_file():
        if path.suffix != SUFFIX:
            raise CheckpointError(f"{path} is neither a run nor a checkpoint")
        return path.parent
    if (path / FOLDER).is_dir():
        return path / FOLDER
    if path.resolve().name == FOLDER or any(path.glob(f"*{SUFFIX}")):
        return path
    raise CheckpointError(f"{path} holds no checkpoints")
