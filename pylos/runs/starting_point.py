"""From which checkpoint `fit` starts, and what it refuses because data would be lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pylos.errors import CheckpointError, ConfigurationError
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.runs.first_epoch import checkpoints_at_stake, is_noted, noted_start, read_note, unfinished_start
from pylos.runs.folder import (
    LAST,
    MANIFEST,
    METRICS,
    checkpoint_folder,
    default_checkpoint_folder,
    how_to_start_another,
    last_checkpoint,
    logger_with_folder,
    run_folder,
)
from pylos.runs.identity import check_identity, is_of_run
from pylos.runs.slurm import refuse_hpc_checkpoint
from pylos.system.files import StrPath

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


def choose_start(trainer: Trainer, ckpt_path: str | None) -> str | None:
    """Decides from which checkpoint `fit` starts, and refuses what would lose data. Changes nothing.

    Args:
        trainer: the trainer that is going to fit.
        ckpt_path: what the user asked for: None, `"last"`, `"auto"` (last where there is a run, otherwise None) or a
            file.

    Returns:
        the checkpoint; None to start from nothing.

    Raises:
        CheckpointError: there is no such checkpoint, or it is damaged.
        ConfigurationError: the run would overwrite another one.
    """
    # Only the first rank looks: the others may see what it has just begun to write.
    holds = trainer.is_global_zero and holds_run(trainer)
    if ckpt_path in ("last", "auto"):
        start = _choose_last(trainer, holds, required=ckpt_path == "last")
    else:
        start = ckpt_path
        folder = checkpoint_folder(trainer)
        if start is not None and not Path(start).is_file():
            raise CheckpointError(f"no checkpoint {start}")
        again = start is not None and is_noted(folder, start)
        if holds and not again and not (start is not None and is_of_run(start, folder)):
            raise ConfigurationError(
                f"{run_folder(trainer)} already holds a run: resume it with --ckpt_path last, or "
                f"{how_to_start_another(trainer)}"
            )
        if start is not None and trainer.is_global_zero:
            # A damaged checkpoint, or one of another run, is refused before this run leaves traces.
            _check_sound(start, folder)
    if start is None:
        refuse_unasked_checkpoint(trainer)
    refuse_hpc_checkpoint(start)
    return start


def refuse_unasked_checkpoint(trainer: Trainer) -> None:
    """Raises CheckpointError if Lightning would start from a checkpoint that nobody named.

    It does so under SLURM, and where an `OnExceptionCheckpoint` is among the callbacks.
    """
    from pylos.runs.lightning_internals import checkpoint_found_unasked

    found = checkpoint_found_unasked(trainer)
    refuse_hpc_checkpoint(found)
    if found is not None:
        raise CheckpointError(
            f"Lightning would go on from {found}, which was saved when a training failed: move it away, or name "
            "the checkpoint to start from with --ckpt_path FILE"
        )


def _choose_last(trainer: Trainer, holds: bool, required: bool) -> str | None:
    """The checkpoint to resume from, or None if the run starts from nothing."""
    folder, last = run_folder(trainer), last_checkpoint(trainer)
    if start := resume_point(last.parent):
        if trainer.is_global_zero:
            _check_resume_point(trainer, Path(start))
        return start
    if unfinished_start(last.parent):  # the run was interrupted in its first epoch
        return None
    if holds:
        sound = newest_sound_checkpoint(last.parent) or "FILE"
        raise CheckpointError(
            f"{folder} holds data but there is no {last} to resume from: name a checkpoint with "
            f"--ckpt_path {sound}, or {how_to_start_another(trainer)}"
        )
    if required and trainer.is_global_zero:
        raise CheckpointError(
            f"{folder} holds no run to resume: start one without --ckpt_path last; "
            "--ckpt_path auto resumes where there is a run and starts where there is none"
        )
    return None


def resume_point(folder: Path) -> str | None:
    """The checkpoint from which the run whose checkpoints lie in a folder goes on; None where it has none yet.

    That is `last.ckpt`, unless the run has gone back to an earlier checkpoint and no epoch has ended since.
    """
    note = read_note(folder)
    if (folder / LAST).is_file() and (note is None or LAST not in note.aside):
        return str(folder / LAST)
    note = unfinished_start(folder)
    return noted_start(folder, note) if note else None


def _check_resume_point(trainer: Trainer, start: Path) -> None:
    """Raises CheckpointError for a checkpoint that is damaged or of another run, and names the newest sound one."""
    folder = checkpoint_folder(trainer)
    try:
        _check_sound(start, folder)
    except CheckpointError as error:
        sound = newest_sound_checkpoint(folder)
        advice = (
            f"resume from {sound} with --ckpt_path {sound}"
            if sound
            else f"no other is sound; {how_to_start_another(trainer)}"
        )
        raise CheckpointError(f"{error}; {advice}") from None


def _check_sound(path: StrPath, folder: Path) -> None:
    """Raises CheckpointError for a checkpoint that is damaged, or of another run than the one in a folder."""
    from pylos.runs.selfplay_state import check_selfplay  # late, as it imports torch and kernels

    checkpoint = load_checkpoint(path)
    check_selfplay(checkpoint, os.fspath(path))
    check_identity(checkpoint, path, folder)


def newest_sound_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest step in a folder that loads with all its tensors and is of this run."""
    for checkpoint in reversed(find_checkpoints(folder)[0]):
        try:
            _check_sound(checkpoint.path, folder)
        except CheckpointError:
            continue
        return checkpoint.path
    return None


def holds_run(trainer: Trainer) -> bool:
    """Whether the run would overwrite something where it is going to write, or mix its own files with others.

    What is left of an attempt that was interrupted in its first epoch does not count.
    """
    folder = checkpoint_folder(trainer)
    folders = {folder}
    if logger_with_folder(trainer) is not None:
        folders.add(default_checkpoint_folder(trainer))
    if any(checkpoints_at_stake(place) for place in folders):
        return True
    if unfinished_start(folder) is not None:
        return False
    histories = [Path(logger.log_dir) / METRICS for logger in trainer.loggers if logger.log_dir is not None]
    return any(path.exists() for path in [folder / MANIFEST, *histories])


def run_has_begun(trainer: Trainer) -> bool:
    """Whether there is a run to go on with, even one in its first epoch."""
    folder = checkpoint_folder(trainer)
    return resume_point(folder) is not None or unfinished_start(folder) is not None
