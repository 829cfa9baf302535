"""The checkpoints of a run, found on disk."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pylos.errors import CheckpointError
from pylos.network.checkpoints import read_progress
from pylos.runs.folder import CHECKPOINTS, SUFFIX
from pylos.system.files import StrPath


class CheckpointFile(NamedTuple):
    """A readable checkpoint on disk."""

    path: Path
    epoch: int
    """The last finished epoch; -1 if none is."""
    step: int


def find_checkpoints(folder: StrPath) -> tuple[list[CheckpointFile], list[CheckpointError]]:
    """Lists the checkpoints directly in a folder.

    Returns:
        the readable ones, by step and then by name; and for each of the others what is wrong with it, by name. The
        numbers in tensors are not tested.
    """
    found, errors = [], []
    for path in sorted(Path(folder).glob(f"*{SUFFIX}")):
        try:
            found.append(CheckpointFile(path, *read_progress(path)))
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
    if (path / CHECKPOINTS).is_dir():
        return path / CHECKPOINTS
    if path.resolve().name == CHECKPOINTS or any(path.glob(f"*{SUFFIX}")):
        return path
    raise CheckpointError(f"{path} holds no checkpoints")
