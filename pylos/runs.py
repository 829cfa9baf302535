"""The folder of a training run: where it is, whether it may be written to, and from where the run goes on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock, Timeout

from pylos.checkpoints import (
    FOLDER,
    checkpoint_summary,
    find_checkpoints,
    load_checkpoint,
)
from pylos.errors import CheckpointError, ConfigurationError
from pylos.files import PART, atomic_write, read_bytes
from pylos.manifest import FILE_NAME as MANIFEST
from pylos.output import tell

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

LAST = "last.ckpt"
"""The checkpoint from which a run goes on."""
FIRST_EPOCH = "first-epoch.json"
"""Beside the checkpoints while a run's first epoch lasts: from where it starts, should it have to start again."""
LOCK = "run.lock"
"""In a folder of checkpoints: locked while a process writes there. The lock ends with the process, however it ends."""

_OTHER_RUN = "start another run with --trainer.logger.init_args.version NAME"


def is_trial(trainer: Trainer) -> bool:
    """Whether the trainer only tries itself out: such a run leaves nothing behind."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # Lightning sets it from outside the class


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
    holds_data = trainer.is_global_zero and _holds_data(trainer)
    if ckpt_path in ("last", "auto"):
        return _choose_last(trainer, holds_data, required=ckpt_path == "last")
    if ckpt_path is not None and not Path(ckpt_path).is_file():
        raise CheckpointError(f"no checkpoint {ckpt_path}")
    folder = last_checkpoint(trainer).parent
    own = ckpt_path is not None and Path(ckpt_path).resolve().parent == folder.resolve()
    again = ckpt_path is not None and _read_note(folder) is not None
    if holds_data and not own and not again:
        raise ConfigurationError(
            f"{run_folder(trainer)} already holds a run: resume it with --ckpt_path last, or {_OTHER_RUN}"
        )
    if ckpt_path is not None and trainer.is_global_zero:
        load_checkpoint(ckpt_path)  # a damaged one is refused before it leaves traces
    return ckpt_path


def _choose_last(trainer: Trainer, holds_data: bool, required: bool) -> str | None:
    """The checkpoint to resume from, or None where the run has none because it is about to start."""
    folder, last = run_folder(trainer), last_checkpoint(trainer)
    if last.is_file():
        if trainer.is_global_zero:
            _check_sound(last)
        return str(last)
    if note := _read_note(last.parent):  # the run was interrupted in its first epoch
        return note.start
    if holds_data:
        sound = newest_sound_checkpoint(last.parent) or "FILE"
        raise CheckpointError(
            f"{folder} holds data but there is no {last} to resume from: name a checkpoint with "
            f"--ckpt_path {sound}, or {_OTHER_RUN}"
        )
    if required and trainer.is_global_zero:
        raise CheckpointError(
            f"{folder} holds no run to resume: start one without --ckpt_path last; "
            "--ckpt_path auto resumes where there is a run and starts where there is none"
        )
    return None


def _check_sound(last: Path) -> None:
    """Raises CheckpointError for a damaged checkpoint, and names the newest sound one."""
    try:
        load_checkpoint(last)
    except CheckpointError as error:
        sound = newest_sound_checkpoint(last.parent)
        advice = (
            f"resume from {sound} with --ckpt_path {sound}" if sound else f"no other is sound; {_OTHER_RUN}"
        )
        raise CheckpointError(f"{error}; {advice}") from None


def newest_sound_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest step in a folder that loads with all its tensors."""
    for checkpoint in reversed(find_checkpoints(folder)[0]):
        try:
            load_checkpoint(checkpoint.path)
        except CheckpointError:
            continue
        return checkpoint.path
    return None


def _holds_data(trainer: Trainer) -> bool:
    """Whether anything is where the run is going to write. Its folder need not hold that of its checkpoints."""
    # Without a logger the run's folder is just the working directory.
    folders = {last_checkpoint(trainer).parent, *([run_folder(trainer)] if trainer.loggers else [])}
    return any(_is_occupied(folder) for folder in folders)


def _is_occupied(folder: Path) -> bool:
    if not folder.is_dir():
        return folder.exists()
    contents = (path for path in folder.rglob("*") if not path.is_dir())
    return any(path.name != LOCK and path.suffix != PART for path in contents)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder of checkpoints while the block runs, or the process lives.

    Raises:
        ConfigurationError: Another process is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise ConfigurationError(f"another process is at work in {folder}: wait for it or stop it") from None
    try:
        yield
    finally:
        lock.release()


class Note(NamedTuple):
    """What is noted while the first epoch of a start lasts."""

    start: str | None
    """The checkpoint from which it starts; None: from nothing."""
    epoch: int
    """The epoch, counted from 0."""


def _read_note(folder: Path) -> Note | None:
    """The note in a folder of checkpoints; None where no first epoch was interrupted, or more than that can be lost."""
    try:
        note = Note(**json.loads(read_bytes(folder / FIRST_EPOCH)))
    except (OSError, ValueError, TypeError):
        return None
    found, damaged = find_checkpoints(folder)
    return note if not damaged and all(checkpoint.epoch <= note.epoch for checkpoint in found) else None


def begin_first_epoch(trainer: Trainer, start: str | None) -> None:
    """Prepares the run's folder for a start that is not from its last checkpoint. Call it on all ranks.

    Notes the start, so that the first epoch can be interrupted. What the run's folder holds of later epochs is set
    aside (the suffix ``.old``, ``.old1`` ...); what an interrupted attempt has left goes: the same epoch is about to
    be played again.
    """
    folder = last_checkpoint(trainer).parent
    if not trainer.is_global_zero:
        return
    epoch = 0 if start is None else checkpoint_summary(start)[0] + 1
    again = _read_note(folder) == Note(start, epoch)
    for checkpoint in find_checkpoints(folder)[0]:
        if checkpoint.epoch >= epoch and again:
            checkpoint.path.unlink()
        elif checkpoint.epoch >= epoch:
            aside = _free_name(f"{checkpoint.path}.old")
            checkpoint.path.replace(aside)
            tell(f"pylos: {checkpoint.path.name} is of a later epoch: set aside as {aside.name}")
    if start is None:
        (folder / MANIFEST).unlink(missing_ok=True)
    atomic_write(folder / FIRST_EPOCH, json.dumps(Note(start, epoch)._asdict()) + "\n")


def _free_name(name: str) -> Path:
    """This name, or with the first number behind it that no file has."""
    names = (Path(f"{name}{number or ''}") for number in itertools.count())
    return next(path for path in names if not path.exists())


def end_first_epoch(trainer: Trainer) -> None:
    """Removes that note once the epoch has a checkpoint, be it another than the one to resume from.

    Call it on all ranks.
    """
    folder = last_checkpoint(trainer).parent
    note = folder / FIRST_EPOCH
    if trainer.is_global_zero and note.exists():
        epoch = json.loads(note.read_text(encoding="utf-8"))["epoch"]
        if any(checkpoint.epoch >= epoch for checkpoint in find_checkpoints(folder)[0]):
            note.unlink()
