"""The first epoch after a start: a note in the run's folder says from where the run started.

A run has a checkpoint to resume from once an epoch has ended. Before that, and after going back to an earlier
checkpoint, only the note says from where it starts. It is written before anything else changes. After a kill the next
attempt reads it, and makes the same start again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from pylos.errors import CheckpointError
from pylos.network.checkpoints import read_progress
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.runs.folder import LAST, MANIFEST, NOTE, SUFFIX
from pylos.system.files import PART, atomic_write, read_bytes, set_aside
from pylos.system.options import Range, shown
from pylos.system.output import print_stderr
from pylos.system.schema import Maybe, Only, Row, check_state


class Note(NamedTuple):
    """What is noted until the first epoch after a start has ended."""

    start: str | None
    """The checkpoint: its name if it lies beside the note, otherwise its path; None for a start from nothing."""
    epoch: int
    """The number of that epoch, counted from 0."""
    aside: tuple[str, ...] = ()
    """Names of checkpoints to set aside before the epoch begins; some of them may be set aside already."""


_NOTE = Only({"start": Maybe(str), "epoch": Range(int, 0, 2**53), "aside": Row(str)})


def read_note(folder: Path) -> Note | None:
    """The note in a folder of checkpoints; None where there is none.

    Raises:
        CheckpointError: it is damaged.
    """
    path = folder / NOTE
    try:
        values = {"aside": [], **json.loads(read_bytes(path))}  # notes of earlier versions have no `aside`
        check_state(values, _NOTE, NOTE)
        if outside := [name for name in values["aside"] if Path(name).name != name]:
            raise CheckpointError(f"{shown(outside[0])} is not the name of a file beside the note")
    except FileNotFoundError:
        return None
    except (OSError, TypeError, ValueError, RecursionError, CheckpointError) as error:
        raise CheckpointError(
            f"{path} cannot be read: remove it and name a checkpoint with --ckpt_path FILE"
        ) from error
    return Note(values["start"], values["epoch"], tuple(values["aside"]))


def unfinished_start(folder: Path) -> Note | None:
    """The note in a folder if its first epoch has not ended, so that to start again loses nothing; otherwise None."""
    note = read_note(folder)
    if note is None:
        return None
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in note.aside:
            try:
                epoch = read_progress(path)[0]
            except CheckpointError:
                return None
            if epoch > note.epoch:
                return None
    return note


def noted_start(folder: Path, note: Note) -> str | None:
    """The path of the checkpoint in a note; None for a start from nothing."""
    start = note.start
    # A path stays as it is: in notes of earlier versions it may be relative to the working directory.
    return start if start is None or Path(start).name != start else str(folder / start)


def is_noted(folder: Path, start: str) -> bool:
    """Whether the folder has a note of an unfinished start from this checkpoint."""
    note = unfinished_start(folder)
    noted = noted_start(folder, note) if note else None
    return noted is not None and Path(noted).resolve() == Path(start).resolve()


def checkpoints_at_stake(folder: Path) -> list[Path]:
    """The checkpoints that a start from nothing would lose or mix with its own, including those set aside.

    What an interrupted first epoch has left does not count: the same epoch is about to be played again.
    """
    paths = [path for path in sorted(folder.glob(f"*{SUFFIX}*")) if path.suffix != PART]
    note = unfinished_start(folder)
    if note is None:
        return paths
    return [
        path
        for path in paths
        if path.suffix != SUFFIX or path.name in note.aside or 0 <= read_progress(path)[0] < note.epoch
    ]


def begin_first_epoch(folder: Path, start: str | None) -> None:
    """Prepares a folder of checkpoints for a start that is not from its `last.ckpt`.

    Writes the note first, so that the first epoch may be interrupted, and this function as well. Checkpoints of later
    epochs are set aside (the suffix `.old`, `.old1` ...), and so is `last.ckpt`. What an interrupted attempt at the
    same start has left is deleted.
    """
    epoch = 0 if start is None else read_progress(start)[0] + 1
    note = Note(_name_in(folder, start), epoch)
    before = read_note(folder)
    found = {checkpoint.path.name for checkpoint in find_checkpoints(folder)[0] if checkpoint.epoch >= epoch}
    if before is not None and before._replace(aside=()) == note:
        aside = {name for name in before.aside if (folder / name).exists()}
        leftovers = found - aside
    else:
        aside = found | ({LAST} if (folder / LAST).exists() else set())
        leftovers = set()
    _write_note(folder, note._replace(aside=tuple(sorted(aside))))
    for name in sorted(aside):
        new_name = set_aside(folder / name)
        print_stderr(f"pylos: {name} is not what the run goes on from: set aside as {new_name}")
    for name in sorted(leftovers):
        (folder / name).unlink()
    if start is None:
        (folder / MANIFEST).unlink(missing_ok=True)
    _write_note(folder, note)


def _name_in(folder: Path, start: str | None) -> str | None:
    """How a note in the folder names a checkpoint. The folder may be moved, and the working directory may change."""
    if start is None:
        return None
    path = Path(start).resolve()
    return path.name if path.parent == folder.resolve() else str(path)


def _write_note(folder: Path, note: Note) -> None:
    atomic_write(folder / NOTE, json.dumps(note._asdict()) + "\n")


def end_first_epoch(folder: Path) -> None:
    """Removes the note once there is a checkpoint of its epoch, or of a later one, whatever its name."""
    note = read_note(folder)
    if note is not None and any(checkpoint.epoch >= note.epoch for checkpoint in find_checkpoints(folder)[0]):
        (folder / NOTE).unlink()
