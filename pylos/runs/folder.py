"""The folder of a training run: where it is, what its files are called, and who may write to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pylos.errors import ConfigurationError
from pylos.system.files import make_folder

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import Logger

METRICS = "metrics.csv"
"""In the folder of a run, or of its logger: the history of its metrics."""
CHECKPOINTS = "checkpoints"
"""In the folder of a run: the folder of its checkpoints, which holds the files below."""
SUFFIX = ".ckpt"
"""The suffix of a checkpoint."""
LAST = "last.ckpt"
"""The checkpoint from which a run goes on."""
MANIFEST = "manifest.json"
"""How strong the checkpoints are (see `pylos.runs.manifest`)."""
IDENTITY = "run.json"
"""The name of the run (see `pylos.runs.identity`)."""
NOTE = "first-epoch.json"
"""From where the run started, until its first epoch has ended (see `pylos.runs.first_epoch`)."""
LOCK = "run.lock"
"""Locked while a process writes there. The lock ends with the process, however it ends."""
EVALUATION_LOCK = "evaluation.lock"
"""Locked, too, while that process evaluates and does not train."""


def is_trial(trainer: Trainer) -> bool:
    """Whether this is a trial (`fast_dev_run`), which leaves nothing behind."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # Lightning sets it from outside the class


def checkpoint_folder(trainer: Trainer) -> Path:
    """The folder of the run's checkpoints. Call it on all ranks.

    It is that of the callback that keeps the checkpoint to resume from, wherever this one stands in the list. If the
    callback names none, it lies in the folder of the first logger that has one, otherwise in `default_root_dir`.
    """
    callback = resume_callback(trainer)
    return Path(callback.dirpath) if callback and callback.dirpath else default_checkpoint_folder(trainer)


def run_folder(trainer: Trainer) -> Path:
    """The folder of the run, which holds that of its checkpoints or is the same."""
    folder = checkpoint_folder(trainer)
    return folder.parent if folder.name == CHECKPOINTS else folder


def last_checkpoint(trainer: Trainer) -> Path:
    """Where the checkpoint to resume from lies, or would lie."""
    return checkpoint_folder(trainer) / LAST


def saved_checkpoint(trainer: Trainer) -> Path | None:
    """The checkpoint to resume from, or what comes closest, as the fit has saved it; None if it has saved none."""
    keeps_it = resume_callback(trainer)
    callbacks = sorted(model_checkpoints(trainer), key=lambda callback: callback is not keeps_it)
    paths = (callback.last_model_path or callback.best_model_path for callback in callbacks)
    return next((Path(path) for path in paths if path), None)


def model_checkpoints(trainer: Trainer) -> list[ModelCheckpoint]:
    """The callbacks that keep checkpoints of the training. Other callbacks may save one, for example when it fails."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    return [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)]


def resume_callback(trainer: Trainer) -> ModelCheckpoint | None:
    """The callback that keeps the checkpoint to resume from, or comes closest to it; of equals the last in the list."""

    def suits(callback: ModelCheckpoint) -> tuple[bool, bool, bool]:
        is_last = f"{callback.filename}{callback.FILE_EXTENSION}" == LAST
        return not callback.save_weights_only, is_last, bool(callback.save_last)

    return max(reversed(model_checkpoints(trainer)), key=suits, default=None)


def logger_with_folder(trainer: Trainer) -> Logger | None:
    """The first logger that has a folder of its own for the run."""
    return next((logger for logger in trainer.loggers if logger.log_dir is not None), None)


def default_checkpoint_folder(trainer: Trainer) -> Path:
    """The folder of checkpoints whose callback names none. Call it on all ranks."""
    logger = logger_with_folder(trainer)
    root = trainer.default_root_dir if logger is None else logger.log_dir
    # Ranks may have numbered their runs differently.
    return Path(trainer.strategy.broadcast(str(root))) / CHECKPOINTS


def set_checkpoint_folders(trainer: Trainer) -> None:
    """Gives a folder to the checkpoint callbacks that name none. Call it before any logger starts.

    Lightning would ask the first logger. If that has no folder of its own, its run has no name before it starts.
    """
    for callback in model_checkpoints(trainer):
        if callback.dirpath is None:
            callback.dirpath = str(default_checkpoint_folder(trainer))


def how_to_start_another(trainer: Trainer) -> str:
    """Advice for the command line: how to start another run than the one that lies here."""
    logger = logger_with_folder(trainer)
    if checkpoint_folder(trainer) != default_checkpoint_folder(trainer):
        return "start another run with another dirpath of its ModelCheckpoint"
    if logger is None:
        return "start another run with --trainer.default_root_dir FOLDER"
    if len(trainer.loggers) > 1:
        return f"start another run with another version of its {type(logger).__name__}"
    return "start another run with --trainer.logger.init_args.version NAME"


def another_run_error(folder: Path) -> ConfigurationError:
    """The error for a fit in Python that would mix its records with those of another run."""
    return ConfigurationError(
        f"{folder} holds another run: go on with it (ckpt_path='last', or one of its checkpoints), or train "
        "in another folder"
    )


@contextmanager
def locked(folder: Path, name: str = LOCK) -> Iterator[None]:
    """Keeps other processes out of a folder of checkpoints while the block runs, or the process lives.

    Raises:
        ConfigurationError: another process is at work there.
    """
    make_folder(folder)
    lock = FileLock(folder / name, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(f"another process is at work in {folder}: wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()
