"""The folder of a training run: where it is, whether it may be written to, and from where the run goes on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pylos.checkpoints import FOLDER, LAST, find_checkpoints, load_resumable
from pylos.cluster import refuse_hpc_checkpoint
from pylos.errors import CheckpointError, ConfigurationError
from pylos.files import make_folder
from pylos.first_epoch import checkpoints_at_stake, is_noted, noted_start, read_note, unfinished_start
from pylos.identity import check_identity, is_own
from pylos.manifest import FILE_NAME as MANIFEST

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import Logger

LOCK = "run.lock"
"""In a folder of checkpoints: locked while a process writes there. The lock ends with the process, however it ends."""
METRICS = "metrics.csv"
"""In a logger's folder: the history of a run, of our logger and of Lightning's."""


def is_trial(trainer: Trainer) -> bool:
    """Whether the trainer only tries itself out: such a run leaves nothing behind."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # Lightning sets it from outside the class


# Where a run lies -------------------------------------------------------------------------------------------


def checkpoint_folder(trainer: Trainer) -> Path:
    """The folder of the run's checkpoints. Whatever belongs to the run looks here; call it on all ranks.

    The callback that keeps the checkpoint to resume from decides, wherever it stands in the list. If it names no
    folder, it is that of the first logger that has one, and ``default_root_dir`` if none has.
    """
    callback = resume_callback(trainer)
    return Path(callback.dirpath) if callback and callback.dirpath else _folder_by_logger(trainer)


def run_folder(trainer: Trainer) -> Path:
    """The folder of the run, which holds that of its checkpoints or is the same."""
    folder = checkpoint_folder(trainer)
    return folder.parent if folder.name == FOLDER else folder


def last_checkpoint(trainer: Trainer) -> Path:
    """Where the checkpoint to resume from lies, or would lie."""
    return checkpoint_folder(trainer) / LAST


def model_checkpoints(trainer: Trainer) -> list[ModelCheckpoint]:
    """The callbacks that keep checkpoints of the training; others save one when it fails, for example."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    return [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]


def resume_callback(trainer: Trainer) -> ModelCheckpoint | None:
    """The callback that keeps the checkpoint to resume from, or what comes closest; of equals the last in the list."""

    def suits(callback: ModelCheckpoint) -> tuple[bool, bool, bool]:
        is_last = f"{callback.filename}{callback.FILE_EXTENSION}" == LAST
        return not callback.save_weights_only, is_last, bool(callback.save_last)

    return max(reversed(model_checkpoints(trainer)), key=suits, default=None)


def folder_logger(trainer: Trainer) -> Logger | None:
    """The first logger that has a folder of its own for the run."""
    return next((logger for logger in trainer.loggers if logger.log_dir is not None), None)


def _folder_by_logger(trainer: Trainer) -> Path:
    logger = folder_logger(trainer)
    root = trainer.default_root_dir if logger is None else logger.log_dir
    # Ranks may have numbered their runs differently.
    return Path(trainer.strategy.broadcast(str(root))) / FOLDER


def settle(trainer: Trainer) -> None:
    """Gives a folder to the checkpoint callbacks that name none, before any logger starts.

    Lightning asks the first logger, and one without a folder of its own does not know its name before it has started.
    """
    for callback in model_checkpoints(trainer):
        if callback.dirpath is None:
            callback.dirpath = str(_folder_by_logger(trainer))


def other_run(trainer: Trainer) -> str:
    """How to start another run than the one that lies here, on the command line."""
    logger = folder_logger(trainer)
    if checkpoint_folder(trainer) != _folder_by_logger(trainer):
        return "start another run with another dirpath of its ModelCheckpoint"
    if logger is None:
        return "start another run with --trainer.default_root_dir FOLDER"
    if len(trainer.loggers) > 1:
        return f"start another run with another version of its {type(logger).__name__}"
    return "start another run with --trainer.logger.init_args.version NAME"


# From where it goes on --------------------------------------------------------------------------------------


def choose_start(trainer: Trainer, ckpt_path: str | None) -> str | None:
    """Decides from which checkpoint ``fit`` starts, and refuses what would lose data. Changes nothing.

    Args:
        trainer: The trainer that is going to fit.
        ckpt_path: What the user asked for: None, ``"last"``, ``"auto"`` (last where there is a run, otherwise
            None) or a file.

    Returns:
        The checkpoint; None to start from nothing.

    Raises:
        CheckpointError: There is no such checkpoint, or it is damaged.
        ConfigurationError: The run would overwrite another one.
    """
    # Other ranks may find what the first one has just begun to write; they follow it.
    holds = trainer.is_global_zero and holds_run(trainer)
    if ckpt_path in ("last", "auto"):
        start = _choose_last(trainer, holds, required=ckpt_path == "last")
    else:
        start = ckpt_path
        folder = checkpoint_folder(trainer)
        if start is not None and not Path(start).is_file():
            raise CheckpointError(f"no checkpoint {start}")
        again = start is not None and is_noted(folder, start)
        if holds and not again and not (start is not None and is_own(start, folder)):
            raise ConfigurationError(
                f"{run_folder(trainer)} already holds a run: resume it with --ckpt_path last, or {other_run(trainer)}"
            )
        if start is not None and trainer.is_global_zero:
            # What is damaged or of another run is refused before it leaves traces.
            check_identity(load_resumable(start), start, folder)
    if start is None:
        refuse_found(trainer)
    refuse_hpc_checkpoint(start)
    return start


def refuse_found(trainer: Trainer) -> None:
    """Raises CheckpointError if Lightning would start from some checkpoint where it was told of none.

    It does so under SLURM, and where an ``OnExceptionCheckpoint`` is among the callbacks.
    """
    from lightning.pytorch.trainer.states import TrainerFn

    connector, before = trainer._checkpoint_connector, trainer.state.fn
    trainer.state.fn = TrainerFn.FITTING
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it will say so itself
            found = connector._parse_ckpt_path(TrainerFn.FITTING, None, True, True)
    finally:
        trainer.state.fn = before
    refuse_hpc_checkpoint(found)
    if found is not None:
        raise CheckpointError(
            f"Lightning would go on from {found}, which was saved when a training failed: move it away, or name "
            "the checkpoint to start from with --ckpt_path FILE"
        )


def _choose_last(trainer: Trainer, holds: bool, required: bool) -> str | None:
    """The checkpoint to resume from, or None where the run has none because it is about to start."""
    folder, last = run_folder(trainer), last_checkpoint(trainer)
    if start := resume_point(last.parent):
        if trainer.is_global_zero:
            _check_sound(trainer, Path(start))
        return start
    if unfinished_start(last.parent):  # the run was interrupted in its first epoch
        return None
    if holds:
        sound = newest_sound_checkpoint(last.parent) or "FILE"
        raise CheckpointError(
            f"{folder} holds data but there is no {last} to resume from: name a checkpoint with "
            f"--ckpt_path {sound}, or {other_run(trainer)}"
        )
    if required and trainer.is_global_zero:
        raise CheckpointError(
            f"{folder} holds no run to resume: start one without --ckpt_path last; "
            "--ckpt_path auto resumes where there is a run and starts where there is none"
        )
    return None


def resume_point(folder: Path) -> str | None:
    """The checkpoint from which the run whose checkpoints lie in a folder goes on; None where it has none yet.

    That is ``last.ckpt``, unless the run has gone back to an earlier checkpoint and not come to an epoch's end since.
    """
    note = read_note(folder)
    if (folder / LAST).is_file() and (note is None or LAST not in note.aside):
        return str(folder / LAST)
    note = unfinished_start(folder)
    return noted_start(folder, note) if note else None


def _check_sound(trainer: Trainer, start: Path) -> None:
    """Raises CheckpointError for a checkpoint that is damaged or of another run, and names the newest sound one."""
    folder = checkpoint_folder(trainer)
    try:
        check_identity(load_resumable(start), start, folder)
    except CheckpointError as error:
        sound = newest_sound_checkpoint(folder)
        advice = (
            f"resume from {sound} with --ckpt_path {sound}"
            if sound
            else f"no other is sound; {other_run(trainer)}"
        )
        raise CheckpointError(f"{error}; {advice}") from None


def newest_sound_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest step in a folder that loads with all its tensors and is of this run."""
    for checkpoint in reversed(find_checkpoints(folder)[0]):
        try:
            check_identity(load_resumable(checkpoint.path), checkpoint.path, folder)
        except CheckpointError:
            continue
        return checkpoint.path
    return None


def holds_run(trainer: Trainer) -> bool:
    """Whether there is anything where the run is going to write that it would lose, or mix with its own.

    What an attempt has left that did not live to the end of its first epoch is nothing of that kind.
    """
    folder = checkpoint_folder(trainer)
    folders = {folder} if folder_logger(trainer) is None else {folder, _folder_by_logger(trainer)}
    if any(checkpoints_at_stake(place) for place in folders):
        return True
    if unfinished_start(folder) is not None:
        return False
    histories = [Path(logger.log_dir) / METRICS for logger in trainer.loggers if logger.log_dir is not None]
    return any(path.exists() for path in [folder / MANIFEST, *histories])


def has_begun(trainer: Trainer) -> bool:
    """Whether there is a run to go on with, be it in its first epoch."""
    folder = checkpoint_folder(trainer)
    return resume_point(folder) is not None or unfinished_start(folder) is not None


def continues_run(trainer: Trainer) -> bool:
    """Whether a fit goes on with the run that lies here; known from ``on_fit_start`` on."""
    start = trainer.ckpt_path
    return trainer.global_step > 0 or (start is not None and is_own(start, checkpoint_folder(trainer)))


def begins_run(trainer: Trainer) -> bool:
    """Whether a fit begins a run that must find none here; known from ``on_fit_start`` on.

    What an interrupted first epoch has left is no run; the command has taken care of it.
    """
    return not continues_run(trainer) and unfinished_start(checkpoint_folder(trainer)) is None


def another_run(folder: Path) -> ConfigurationError:
    """What to say, in Python, where a fit would mix its records with those of another run."""
    return ConfigurationError(
        f"{folder} holds another run: go on with it (ckpt_path='last', or one of its checkpoints), or train "
        "in another folder"
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder of checkpoints while the block runs, or the process lives.

    Raises:
        ConfigurationError: Another process is at work there.
    """
    make_folder(folder)
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(f"another process is at work in {folder}: wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()
