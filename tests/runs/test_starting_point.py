from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

from pylos.errors import CheckpointError, ConfigurationError
from pylos.runs.first_epoch import begin_first_epoch, end_first_epoch
from pylos.runs.folder import NOTE, checkpoint_folder, last_checkpoint, locked, run_folder
from pylos.runs.identity import RUN_KEY, write_identity
from pylos.runs.starting_point import choose_start, holds_run, resume_point, run_has_begun
from tests.support.runs import make_trainer


@pytest.fixture
def trainer(tmp_path):
    return make_trainer(tmp_path)


def save_checkpoint(path, epoch, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": {}, "hyper_parameters": {}, "epoch": epoch, "global_step": epoch, **more}, path)
    return str(path)


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


@pytest.mark.parametrize("exists", [False, True])
def test_where_there_is_no_run_only_auto_starts_one(trainer, exists):
    if exists:
        run_folder(trainer).mkdir()
    with pytest.raises(CheckpointError, match=r"holds no run to resume.*--ckpt_path auto"):
        choose_start(trainer, "last")
    assert choose_start(trainer, "auto") is None
    assert choose_start(trainer, None) is None


def test_a_run_is_resumed_but_not_overwritten(trainer, tmp_path):
    last = save_checkpoint(last_checkpoint(trainer), epoch=3)
    assert choose_start(trainer, "last") == choose_start(trainer, "auto") == last
    assert choose_start(trainer, last) == last
    with pytest.raises(ConfigurationError, match=r"--ckpt_path last, or .*version NAME"):
        choose_start(trainer, None)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, save(tmp_path / "other" / "last.ckpt"))


@pytest.mark.parametrize("wanted", ["last", "auto"])
def test_a_damaged_last_checkpoint_is_named_with_the_newest_sound_one(trainer, wanted):
    checkpoints = last_checkpoint(trainer).parent
    for epoch in (1, 5, 3):
        sound = checkpoints / f"best-{epoch}.ckpt"
        save_checkpoint(sound, epoch)
    damaged = bytearray((checkpoints / "best-5.ckpt").read_bytes())
    damaged[300] ^= 1
    for name in ("best-5.ckpt", "last.ckpt"):
        (checkpoints / name).write_bytes(damaged)
    with pytest.raises(CheckpointError, match=rf"last\.ckpt is damaged: .*--ckpt_path {sound}$"):
        choose_start(trainer, wanted)
    assert choose_start(trainer, str(sound)) == str(sound)
    for path in checkpoints.iterdir():
        path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="no other is sound"):
        choose_start(trainer, wanted)


def test_checkpoints_of_another_run_in_the_same_place_are_not_overwritten(tmp_path):
    trainer = make_trainer(tmp_path, dirpath=tmp_path / "shared")
    save_checkpoint(tmp_path / "shared" / "last.ckpt", epoch=1)
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, None)


def test_checkpoints_in_the_folder_of_the_logger_are_not_overwritten_either(tmp_path):
    trainer = make_trainer(tmp_path, dirpath=tmp_path / "elsewhere")
    save_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt", epoch=1)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, None)


def test_impossible_games_are_refused_before_the_run_leaves_traces(trainer, tmp_path):
    start = save_checkpoint(tmp_path / "a.ckpt", 1, SelfPlayDataModule={"ranks": []})
    with pytest.raises(CheckpointError, match=r"a\.ckpt: SelfPlayDataModule\['ranks'\] must have at least 1"):
        choose_start(trainer, start)


def test_a_lock_is_no_data(trainer):
    with locked(last_checkpoint(trainer).parent):
        assert choose_start(trainer, None) is None


def test_data_without_a_last_checkpoint_is_refused(trainer):
    save(run_folder(trainer) / "checkpoints" / "best-003.ckpt")
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")


def test_a_checkpoint_that_does_not_exist(trainer):
    with pytest.raises(CheckpointError, match=r"no checkpoint missing\.ckpt"):
        choose_start(trainer, "missing.ckpt")


def test_checkpoints_elsewhere_are_the_runs_own(tmp_path):
    trainer = make_trainer(tmp_path, dirpath=tmp_path / "elsewhere")
    best = save_checkpoint(tmp_path / "elsewhere" / "best.ckpt", epoch=1)
    assert choose_start(trainer, best) == best
    stranger = save_checkpoint(tmp_path / "other" / "best.ckpt", epoch=1)
    with pytest.raises(ConfigurationError, match=r"already holds a run.* another dirpath"):
        choose_start(trainer, stranger)
    write_identity(tmp_path / "elsewhere", "a")
    assert choose_start(trainer, save_checkpoint(tmp_path / "other" / "mine.ckpt", 1, **{RUN_KEY: "a"}))


def test_a_checkpoint_of_another_run_is_not_taken_for_this_ones_last(trainer):
    folder = checkpoint_folder(trainer)
    best = save_checkpoint(folder / "best.ckpt", 1, **{RUN_KEY: "a"})
    last = save_checkpoint(folder / "last.ckpt", 2, **{RUN_KEY: "b"})
    assert choose_start(trainer, "last") == last  # the folder has no name yet
    write_identity(folder, "a")
    for wanted in ("last", "auto"):
        with pytest.raises(CheckpointError, match=rf"last\.ckpt is of another run .*--ckpt_path {best}$"):
            choose_start(trainer, wanted)
    with pytest.raises(CheckpointError, match="is of another run"):
        choose_start(trainer, last)
    assert choose_start(trainer, best) == best
    save_checkpoint(folder / "last.ckpt", 2)  # of an earlier version
    assert choose_start(trainer, "last") == last


def test_what_an_attempt_leaves_before_its_first_epoch_is_no_run(trainer):
    folder = checkpoint_folder(trainer)
    begin_first_epoch(folder, None)
    for path in (folder / "manifest.json", folder / "best.ckpt.part", run_folder(trainer) / "config.yaml"):
        save(path)
    save(run_folder(trainer) / "metrics.csv")
    save_checkpoint(folder / "best.ckpt", epoch=0)
    for wanted in (None, "auto", "last"):
        assert choose_start(trainer, wanted) is None


@pytest.mark.parametrize("name", ["metrics.csv", "checkpoints/manifest.json", "checkpoints/last.ckpt.old"])
def test_what_a_run_leaves_is_not_overwritten(trainer, name):
    assert not holds_run(trainer)
    save(run_folder(trainer) / "config.yaml")
    assert not holds_run(trainer)
    save(run_folder(trainer) / name)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, None)


def test_a_start_that_is_gone_is_named(trainer, tmp_path):
    start = save_checkpoint(tmp_path / "other" / "best.ckpt", epoch=4)
    begin_first_epoch(checkpoint_folder(trainer), start)
    assert choose_start(trainer, "last") == choose_start(trainer, start) == start
    Path(start).unlink()
    with pytest.raises(CheckpointError, match=f"no checkpoint {start}"):
        choose_start(trainer, "last")


def test_a_start_from_another_run_is_made_again_whatever_it_saved_within_its_first_epoch(trainer, tmp_path):
    start = save_checkpoint(tmp_path / "other" / "best.ckpt", epoch=4)
    folder = checkpoint_folder(trainer)
    begin_first_epoch(folder, start)
    loops = {"fit_loop": {"epoch_progress": {"current": {"processed": 5}}}}
    save_checkpoint(folder / "step.ckpt", epoch=5, loops=loops)
    assert holds_run(trainer)
    assert choose_start(trainer, start) == start
    stranger = save_checkpoint(tmp_path / "other" / "mine.ckpt", epoch=4)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, stranger)


def test_a_note_of_an_earlier_version_names_its_start_from_the_working_directory(
    trainer, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    save_checkpoint(tmp_path / "other" / "best.ckpt", epoch=4)
    note = checkpoint_folder(trainer) / "first-epoch.json"
    note.parent.mkdir(parents=True)
    note.write_text('{"start": "other/best.ckpt", "epoch": 5}')
    assert choose_start(trainer, "last") == choose_start(trainer, "other/best.ckpt") == "other/best.ckpt"


def test_a_run_that_is_going_back_takes_no_checkpoint_of_another_one(trainer, tmp_path):
    folder = checkpoint_folder(trainer)
    back, *_ = [save_checkpoint(folder / f"best-{epoch}.ckpt", epoch) for epoch in (1, 0, 2)]
    other = save_checkpoint(tmp_path / "other" / "best.ckpt", epoch=4)
    begin_first_epoch(folder, back)
    assert choose_start(trainer, back) == back
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, other)


@pytest.mark.parametrize("make", [save, lambda path: save_checkpoint(path, epoch=1)])
def test_checkpoints_of_later_epochs_or_of_others_are_not_thrown_away(trainer, make):
    begin_first_epoch(checkpoint_folder(trainer), None)
    make(checkpoint_folder(trainer) / "mine.ckpt")
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")


def test_the_last_checkpoint_counts_once_the_run_has_come_to_an_epochs_end(trainer):
    folder = checkpoint_folder(trainer)
    start = save_checkpoint(folder / "best.ckpt", epoch=1)
    last = save_checkpoint(folder / "last.ckpt", epoch=3)
    begin_first_epoch(folder, start)
    assert resume_point(folder) == start
    save_checkpoint(folder / "last.ckpt", epoch=2)
    assert resume_point(folder) == last


def test_without_a_logger_only_the_checkpoints_count(tmp_path):
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=tmp_path)
    (tmp_path / "notes.txt").touch()
    assert choose_start(trainer, None) is None
    begin_first_epoch(checkpoint_folder(trainer), None)
    assert choose_start(trainer, "auto") is None
    save_checkpoint(last_checkpoint(trainer), epoch=0)
    end_first_epoch(checkpoint_folder(trainer))
    with pytest.raises(ConfigurationError, match=r"already holds a run.* --trainer.default_root_dir FOLDER"):
        choose_start(trainer, None)


def test_a_run_has_begun_once_there_is_anything_to_go_on_with(trainer):
    folder = checkpoint_folder(trainer)
    assert not run_has_begun(trainer)
    begin_first_epoch(folder, None)
    assert run_has_begun(trainer)
    (folder / NOTE).unlink()
    assert not run_has_begun(trainer)
    save_checkpoint(last_checkpoint(trainer), epoch=0)
    assert run_has_begun(trainer)
