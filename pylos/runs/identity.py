"""Which run a checkpoint is of: a run has a name of its own, in its folder and in all its checkpoints.

The name is a digest of what the run begins with: weights, options of the module and the data module, and the run that
it comes from. It does not depend on where the run lies, so a copy goes on as the original does. Runs that differ only
in the trainer's options have the same name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pylos.errors import CheckpointError
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.folder import IDENTITY
from pylos.system.files import StrPath, atomic_write, read_bytes
from pylos.system.schema import check_state

if TYPE_CHECKING:
    import torch

RUN_KEY = "run"
"""The key of the name in a checkpoint, and in the file beside the checkpoints."""


def new_identity(weights: Iterable[torch.Tensor], *options: Mapping[str, Any], origin: str | None) -> str:
    """A name for the run that begins with these weights and options.

    Args:
        weights: of the network, before the first step.
        options: of the module and the data module.
        origin: the run whose checkpoint it starts from; None if it starts from nothing, or from a run without a name.
    """
    import torch

    digest = hashlib.sha256(repr(origin).encode())
    for section in options:
        plain = {k: v for k, v in section.items() if v is None or isinstance(v, (bool, int, float, str))}
        digest.update(json.dumps(plain, sort_keys=True).encode())
    for tensor in weights:
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:32]


def read_identity(folder: Path) -> str | None:
    """The name of the run whose checkpoints lie in a folder; None where it has none yet.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = folder / IDENTITY
    try:
        values = json.loads(read_bytes(path))
        check_state(values, {RUN_KEY: str}, IDENTITY)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, CheckpointError) as error:
        raise CheckpointError(
            f"{path} cannot be read: remove it, and the run takes its name from its checkpoints"
        ) from error
    name: str = values[RUN_KEY]
    return name


def write_identity(folder: Path, name: str) -> None:
    """Writes the name of the run into the folder of its checkpoints."""
    if read_identity(folder) != name:
        atomic_write(folder / IDENTITY, json.dumps({RUN_KEY: name}) + "\n")


def is_of_run(path: StrPath, folder: Path) -> bool:
    """Whether a checkpoint is of the run whose checkpoints lie in a folder: by where it lies, or by its name."""
    if Path(path).resolve().parent == folder.resolve():
        return True
    ours = read_identity(folder)
    return ours is not None and load_checkpoint(path, mmap=True).get(RUN_KEY) == ours


def check_identity(checkpoint: Mapping[str, Any], path: StrPath, folder: Path) -> None:
    """Raises CheckpointError if a checkpoint that lies in a run's folder is of another run."""
    if Path(path).resolve().parent == folder.resolve():
        theirs, ours = checkpoint.get(RUN_KEY), read_identity(folder)
        if None not in (theirs, ours) and theirs != ours:
            raise CheckpointError(f"{path} is of another run than the other files of {folder}")
