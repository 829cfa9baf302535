import json
import os
from pathlib import Path

import pytest
import torch

from pylos.errors import CheckpointError
from pylos.runs import first_epoch
from pylos.runs.first_epoch import (
    Note,
    begin_first_epoch,
    checkpoints_at_stake,
    end_first_epoch,
    read_note,
    unfinished_start,
)
from pylos.runs.folder import LAST, NOTE
from pylos.runs.starting_point import resume_point


def save_checkpoint(folder, name, epoch):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": {}, "epoch": epoch, "global_step": epoch}, path)
    return str(path)


def save_within(folder, name, epoch, processed):
    """As Lightning saves it within an epoch (`processed` = `epoch`) or at its end."""
    path = save_checkpoint(folder, name, epoch)
    loops = {"fit_loop": {"epoch_progress": {"current": {"processed": processed}}}}
    torch.save({**torch.load(path), "loops": loops}, path)
    return path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_start_from_nothing_that_was_interrupted_begins_again_without_its_leftovers(tmp_path):
    begin_first_epoch(tmp_path, None)
    (tmp_path / "manifest.json").touch()
    save_checkpoint(tmp_path, "best-000", epoch=0)
    assert unfinished_start(tmp_path) == Note(None, 0)
    assert checkpoints_at_stake(tmp_path) == []
    begin_first_epoch(tmp_path, None)
    assert names(tmp_path) == {NOTE}
    end_first_epoch(tmp_path)
    assert names(tmp_path) == {NOTE}
    save_checkpoint(tmp_path, "last", epoch=0)
    end_first_epoch(tmp_path)
    assert names(tmp_path) == {LAST}
    end_first_epoch(tmp_path)


def test_a_start_from_the_checkpoint_of_another_run_begins_again(tmp_path):
    start, folder = save_checkpoint(tmp_path / "other", "best", epoch=4), tmp_path / "run"
    begin_first_epoch(folder, start)
    save_checkpoint(folder, "best", epoch=5)
    assert resume_point(folder) == start
    begin_first_epoch(folder, start)
    assert names(folder) == {NOTE}


def test_going_back_sets_later_checkpoints_aside(tmp_path, capsys):
    start = save_checkpoint(tmp_path, "best-2", epoch=2)
    for name, epoch in (("best-1", 1), ("best-5", 5), ("last", 6)):
        save_checkpoint(tmp_path, name, epoch)
    begin_first_epoch(tmp_path, start)
    assert names(tmp_path) == {"best-1.ckpt", "best-2.ckpt", "best-5.ckpt.old", "last.ckpt.old", NOTE}
    assert "best-5.ckpt.old" in capsys.readouterr().err
    assert resume_point(tmp_path) == start
    assert checkpoints_at_stake(tmp_path) == [
        tmp_path / name for name in ("best-1.ckpt", "best-2.ckpt", "best-5.ckpt.old", "last.ckpt.old")
    ]


def test_going_back_into_the_middle_of_an_epoch_sets_its_end_aside(tmp_path):
    middle = save_within(tmp_path, "middle", epoch=1, processed=1)
    for name in ("best", "last"):
        save_within(tmp_path, name, epoch=1, processed=2)
    begin_first_epoch(tmp_path, middle)
    assert names(tmp_path) == {"middle.ckpt", "best.ckpt.old", "last.ckpt.old", NOTE}
    end_first_epoch(tmp_path)
    assert resume_point(tmp_path) == middle  # that epoch has not ended yet
    save_within(tmp_path, "last", epoch=1, processed=2)
    end_first_epoch(tmp_path)
    assert NOTE not in names(tmp_path)


def test_what_was_saved_within_an_interrupted_first_epoch_is_not_at_stake(tmp_path):
    begin_first_epoch(tmp_path, None)
    save_within(tmp_path, "middle", epoch=0, processed=0)
    assert checkpoints_at_stake(tmp_path) == []


def test_going_back_again_keeps_what_was_set_aside(tmp_path):
    start = save_checkpoint(tmp_path, "best-2", epoch=2)
    kept = []
    for epoch in (7, 6, 5):
        kept.append(Path(save_checkpoint(tmp_path, "last", epoch)).read_bytes())
        begin_first_epoch(tmp_path, start)
        (tmp_path / NOTE).unlink()  # the epoch came to its end
    aside = [tmp_path / f"last.ckpt.old{number}" for number in ("", 1, 2)]
    assert [path.read_bytes() for path in aside] == kept


def test_another_start_throws_nothing_away_that_an_interrupted_one_left(tmp_path):
    starts = [save_checkpoint(tmp_path, f"best-{epoch}", epoch) for epoch in (1, 2, 3)]
    begin_first_epoch(tmp_path, starts[1])
    begin_first_epoch(tmp_path, starts[0])
    assert names(tmp_path) == {"best-1.ckpt", "best-2.ckpt.old", "best-3.ckpt.old", NOTE}


class Killed(BaseException):
    """The process is gone."""


def begin_killed_at(operation, folder, start):
    """Begins a start and dies right before one of the operations that change a file, counted from 0.

    Returns:
        whether it died, and did not come to its end before.
    """
    left = iter(range(operation))

    def dying(call):
        def change(*arguments, **options):
            if next(left, None) is None:
                raise Killed
            return call(*arguments, **options)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in ("atomic_write", "set_aside"):
            patch.setattr(first_epoch, name, dying(getattr(first_epoch, name)))
        patch.setattr(Path, "unlink", dying(Path.unlink))
        try:
            begin_first_epoch(folder, start)
        except Killed:
            return True
        return False


@pytest.mark.parametrize("operation", range(5))
def test_a_kill_between_any_two_steps_of_going_back_does_not_undo_it(tmp_path, operation):
    folder = tmp_path / "run"
    start = save_checkpoint(folder, "best-2", epoch=2)
    later = {name: save_checkpoint(folder, name, epoch) for name, epoch in (("best-5", 5), ("last", 6))}
    contents = {name: Path(path).read_bytes() for name, path in later.items()}
    assert begin_killed_at(operation, folder, start) == (operation < 4)  # note, two files, note
    begun = operation > 0  # before the note is written, nothing has been asked
    assert resume_point(folder) == (start if begun else str(folder / LAST))
    begin_first_epoch(folder, start)
    assert resume_point(folder) == start
    assert {name: (folder / f"{name}.ckpt.old").read_bytes() for name in contents} == contents
    assert names(folder) == {"best-2.ckpt", "best-5.ckpt.old", "last.ckpt.old", NOTE}


def test_what_an_interrupted_start_has_left_goes_although_that_was_interrupted_too(tmp_path):
    begin_first_epoch(tmp_path, None)
    for name in ("best-000", "last"):
        save_checkpoint(tmp_path, name, epoch=0)
    assert begin_killed_at(2, tmp_path, None)
    begin_first_epoch(tmp_path, None)
    assert names(tmp_path) == {NOTE}


def test_a_moved_folder_still_knows_its_start(tmp_path):
    save_checkpoint(tmp_path / "here", "last", epoch=3)
    begin_first_epoch(tmp_path / "here", save_checkpoint(tmp_path / "here", "best-1", epoch=1))
    (tmp_path / "here").rename(tmp_path / "there")
    assert resume_point(tmp_path / "there") == str(tmp_path / "there" / "best-1.ckpt")


def test_checkpoints_of_later_epochs_and_unreadable_ones_end_an_unfinished_start(tmp_path):
    begin_first_epoch(tmp_path, None)
    save_checkpoint(tmp_path, "mine", epoch=1)
    assert unfinished_start(tmp_path) is None
    (tmp_path / "mine.ckpt").write_bytes(b"")
    assert unfinished_start(tmp_path) is None
    assert checkpoints_at_stake(tmp_path) == [tmp_path / "mine.ckpt"]


def test_a_note_of_an_earlier_version_is_read(tmp_path):
    (tmp_path / NOTE).write_text('{"start": null, "epoch": 0}\n')
    assert read_note(tmp_path) == Note(None, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 10**5,
        b'{"start": 1, "epoch": 0}',
        b'{"start": null, "epoch": "0"}',
        b'{"start": null, "epoch": -1}',
        b'{"start": null, "epoch": 0, "aside": ["../x"]}',
        b'{"start": null, "epoch": 0, "more": 0}',
    ],
)
def test_a_damaged_note_is_named(tmp_path, content):
    (tmp_path / NOTE).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{NOTE} cannot be read: remove it"):
        read_note(tmp_path)


def test_a_note_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / NOTE).mkdir()
    with pytest.raises(CheckpointError, match=rf"{NOTE} cannot be read"):
        read_note(tmp_path)


def test_the_note_is_plain(tmp_path):
    begin_first_epoch(tmp_path, None)
    assert json.loads((tmp_path / NOTE).read_text()) == {"start": None, "epoch": 0, "aside": []}
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]
