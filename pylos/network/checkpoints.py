"""Checkpoint files: read without trusting them.

Nothing here imports torch before a checkpoint is read, and nothing imports Lightning, so that playing from a
checkpoint starts fast.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Mapping
from typing import Any

from pylos.errors import CheckpointError
from pylos.network.torch_archive import check_archive
from pylos.system.files import StrPath
from pylos.system.options import COUNT_OR_ZERO

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
    from pylos.network.checkpoint_format import check_checkpoint

    check_checkpoint(checkpoint, path)
    result: dict[str, Any] = checkpoint
    return result


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

    from pylos.network.checkpoint_format import check_tensors

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
