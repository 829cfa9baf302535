"""Checkpoint files: checked when read, found in the folder of a run.

Nothing here imports torch before a checkpoint is read, and nothing imports Lightning, so that playing from a
checkpoint starts fast. ``AtomicCheckpointIO``, which Lightning needs, lives in ``pylos.checkpoint_io``.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pylos.archive import check_archive
from pylos.errors import CheckpointError
from pylos.files import StrPath
from pylos.options import COUNT_OR_ZERO

if TYPE_CHECKING:
    from pylos.checkpoint_io import AtomicCheckpointIO as AtomicCheckpointIO

SUFFIX = ".ckpt"
FOLDER = "checkpoints"
"""The folder inside that of a run that holds its checkpoints and their manifest."""
LAST = "last.ckpt"
"""The checkpoint from which a run goes on."""


def __getattr__(name: str) -> Any:
    if name == "AtomicCheckpointIO":
        from pylos.checkpoint_io import AtomicCheckpointIO

        return AtomicCheckpointIO
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    from pylos.checkpoint_format import check_checkpoint

    check_checkpoint(checkpoint, path)
    result: dict[str, Any] = checkpoint
    return result


def load_resumable(path: StrPath) -> dict[str, Any]:
    """Reads a checkpoint from which a training is to go on, and checks what it holds besides weights.

    Raises:
        CheckpointError: as ``load_checkpoint``, or its state of self-play makes no sense.
    """
    from pylos.selfplay_state import check_selfplay  # late, as it brings torch and kernels

    checkpoint = load_checkpoint(path)
    check_selfplay(checkpoint, os.fspath(path))
    return checkpoint


def check_rules(checkpoint: Mapping[str, Any], rules: str, name: StrPath) -> None:
    """Raises CheckpointError if a checkpoint, called by a name, was trained for other rules."""
    theirs = checkpoint["hyper_parameters"].get("rules")
    if theirs != rules:
        raise CheckpointError(f"{name} was trained for {theirs!r} rules, not for {rules!r}")


def checkpoint_summary(path: StrPath) -> tuple[int, int]:
    """The last finished epoch (-1: none is) and the global step of a checkpoint, without reading its tensors.

    Lightning writes the epoch under way, which tells the end of one and its middle not apart; its loops do.

    Raises:
        CheckpointError: as ``load_checkpoint``.
    """
    checkpoint = load_checkpoint(path, mmap=True)
    epoch = checkpoint["epoch"]
    with contextlib.suppress(KeyError, TypeError):
        processed = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        epoch = processed - 1 if processed in COUNT_OR_ZERO else epoch
    return epoch, checkpoint["global_step"]


def read_torch_file(path: StrPath, mmap: bool = False, map_location: Any = "cpu") -> Any:
    """Reads anything that ``torch.save`` wrote, without running code from it, after testing its checksums.

    Raises:
        CheckpointError: the file is missing, damaged, not a torch file, or wants to run code.
    """
    check_archive(path, structure_only=mmap)
    import torch

    from pylos.checkpoint_format import check_tensors

    try:
        content = torch.load(os.fspath(path), map_location=map_location, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError:
        raise CheckpointError(f"{path} is refused: {_forbidden(path)}") from None
    except Exception as error:  # foreign, as the checksums are right; torch then raises anything
        raise CheckpointError(f"torch cannot read {path}: {_first_line(error)}") from None
    check_tensors(content, path, os.path.getsize(path))
    return content


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
    """The last finished one; -1: none is."""
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
