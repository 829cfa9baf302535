"""The folder of a training run: where it is, whether it may be written to, and from where the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pylos.checkpoints import FOLDER, SUFFIX, atomic_write, find_checkpoints
from pylos.errors import CheckpointError, ConfigurationError
from pylos.manifest import FILE_NAME as MANIFEST

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

LAST = "last.ckpt"
"""The checkpoint from which a run goes on."""
FIRST_EPOCH = "first-epoch.txt"
"""In a run's folder until there is a checkpoint: the run has nothing to lose and may start again."""

_OTHER_RUN = "start another run with --trainer.logger.init_args.version NAME"


def run_folder(trainer: Trainer) -> Path:
    """The folder of the run: that of its first logger."""
    return Path(trainer.log_dir or trainer.default_root_dir)


def last_checkpoint(trainer: Trainer) -> Path:
    """Where the checkpoint to resume from lies, or would lie.

    Of several checkpoint callbacks the last in the list counts: that is where the one to resume from belongs.
    """
    folder = None
    for callback in trainer.checkpoint_callbacks:
        folder = getattr(callback, "dirpath", None)
    return Path(folder or run_folder(trainer) / FOLDER) / LAST


def choose_start(trainer: Trainer, ckpt_path: str | None) -> str | None:
    """Decides from which checkpoint ``fit`` starts, and refuses what would lose data.

    Args:
        trainer: The trainer that is going to fit.
        ckpt_path: What the user asked for: None, ``"last"`` or a file.

    Returns:
        The checkpoint; None to start from nothing.

    Raises:
        CheckpointError: There is no such checkpoint, or no ``last`` one in a folder that holds data.
        ConfigurationError: The run would overwrite another one.
    """
    folder, last = run_folder(trainer), last_checkpoint(trainer)
    # The other ranks may find what the first one has just begun to write.
    holds_data = _holds_data(trainer)  # on every rank: the run's folder is agreed upon between them
    occupied = trainer.is_global_zero and holds_data
    if ckpt_path == "last":
        if last.is_file():
            return str(last)
        if occupied and not _may_start_again(folder, last.parent):
            raise CheckpointError(
                f"{folder} holds data but there is no {last} to resume from: name a checkpoint with "
                f"--ckpt_path FILE, or {_OTHER_RUN}"
            )
        return None
    if ckpt_path is not None and not Path(ckpt_path).is_file():
        raise CheckpointError(f"no checkpoint {ckpt_path}")
    own = ckpt_path is not None and Path(ckpt_path).resolve().is_relative_to(folder.resolve())
    if occupied and not own:
        raise ConfigurationError(
            f"{folder} already holds a run: resume it with --ckpt_path last, or {_OTHER_RUN}"
        )
    return ckpt_path


def _holds_data(trainer: Trainer) -> bool:
    """Whether anything is where the run is going to write."""
    # Without a logger the run's folder is just the working directory.
    folder = run_folder(trainer) if trainer.loggers else last_checkpoint(trainer).parent
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _may_start_again(folder: Path, checkpoints: Path) -> bool:
    """Whether the run was interrupted in its first epoch, so that nothing but that epoch can be lost."""
    if not (folder / FIRST_EPOCH).is_file():
        return False
    found, damaged = find_checkpoints(checkpoints)
    return not damaged and all(checkpoint.epoch == 0 for checkpoint in found)


def begin_first_epoch(trainer: Trainer) -> None:
    """Notes in the run's folder that a start from nothing is under way. Call it on all ranks.

    What an interrupted start has left there goes: the same epoch is about to be played again.
    """
    note, folder = run_folder(trainer) / FIRST_EPOCH, last_checkpoint(trainer).parent
    if not trainer.loggers or not trainer.is_global_zero:
        return
    if note.is_file():
        for leftover in (folder / MANIFEST, *folder.glob(f"*{SUFFIX}")):
            leftover.unlink(missing_ok=True)
    atomic_write(note, "This run has no checkpoint yet. Resuming it with --ckpt_path last starts it again.\n")


def end_first_epoch(trainer: Trainer) -> None:
    """Removes that note once there is a checkpoint, be it another than the one to resume from. Call it on all ranks."""
    note, folder = run_folder(trainer) / FIRST_EPOCH, last_checkpoint(trainer).parent
    if trainer.is_global_zero and any(folder.glob(f"*{SUFFIX}")):
        note.unlink(missing_ok=True)
