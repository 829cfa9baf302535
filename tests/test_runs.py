import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from pylos.errors import CheckpointError, ConfigurationError
from pylos.runs import (
    FIRST_EPOCH,
    begin_first_epoch,
    choose_start,
    end_first_epoch,
    last_checkpoint,
    locked,
    run_folder,
)


def make_trainer(folder, **options):
    logger = CSVLogger(folder, name="", version="run")
    return Trainer(accelerator="cpu", logger=logger, callbacks=[ModelCheckpoint(**options)])


@pytest.fixture
def trainer(tmp_path):
    return make_trainer(tmp_path)


def save_checkpoint(path, epoch):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": {}, "hyper_parameters": {}, "epoch": epoch, "global_step": epoch}, path)
    return str(path)


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def test_places(trainer, tmp_path):
    assert run_folder(trainer) == tmp_path / "run"
    assert last_checkpoint(trainer) == tmp_path / "run" / "checkpoints" / "last.ckpt"
    elsewhere = make_trainer(tmp_path, dirpath=tmp_path / "elsewhere")
    assert last_checkpoint(elsewhere) == tmp_path / "elsewhere" / "last.ckpt"


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
    assert not run_folder(trainer).exists()
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, None)


def test_a_run_is_for_one_process_at_a_time(tmp_path):
    with locked(tmp_path):
        other = "from pathlib import Path; from pylos.runs import locked; locked(Path()).__enter__()"
        command = [sys.executable, "-c", other]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "another process is at work" in result.stderr
    assert subprocess.run(command, cwd=tmp_path).returncode == 0


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


def test_an_interrupted_first_epoch_starts_again_without_its_leftovers(trainer):
    checkpoints = last_checkpoint(trainer).parent
    begin_first_epoch(trainer, None)
    save(checkpoints / "manifest.json")
    save_checkpoint(checkpoints / "best-000.ckpt", epoch=0)
    assert choose_start(trainer, "last") is choose_start(trainer, "auto") is None
    begin_first_epoch(trainer, None)
    assert [path.name for path in checkpoints.iterdir()] == [FIRST_EPOCH]
    end_first_epoch(trainer)
    assert (checkpoints / FIRST_EPOCH).exists()
    save_checkpoint(last_checkpoint(trainer), epoch=0)
    end_first_epoch(trainer)
    assert not (checkpoints / FIRST_EPOCH).exists()


def test_a_run_from_the_checkpoint_of_another_may_be_interrupted_in_its_first_epoch(trainer, tmp_path):
    start = save_checkpoint(tmp_path / "other" / "best.ckpt", epoch=4)
    assert choose_start(trainer, start) == start
    begin_first_epoch(trainer, start)
    save_checkpoint(last_checkpoint(trainer).parent / "best.ckpt", epoch=5)
    for wanted in (start, "last", "auto"):
        assert choose_start(trainer, wanted) == start
    begin_first_epoch(trainer, start)
    assert not (last_checkpoint(trainer).parent / "best.ckpt").exists()


def test_going_back_to_an_earlier_checkpoint_sets_later_ones_aside(trainer):
    checkpoints = last_checkpoint(trainer).parent
    start = save_checkpoint(checkpoints / "best-2.ckpt", epoch=2)
    for name, epoch in (("best-1", 1), ("best-5", 5), ("last", 6)):
        save_checkpoint(checkpoints / f"{name}.ckpt", epoch)
    assert choose_start(trainer, start) == start
    begin_first_epoch(trainer, start)
    names = {"best-1.ckpt", "best-2.ckpt", "best-5.ckpt.old", "last.ckpt.old", FIRST_EPOCH}
    assert {path.name for path in checkpoints.iterdir()} == names
    assert choose_start(trainer, "last") == start


def test_going_back_again_keeps_what_was_set_aside(trainer):
    checkpoints = last_checkpoint(trainer).parent
    start = save_checkpoint(checkpoints / "best-2.ckpt", epoch=2)
    kept = []
    for epoch in (7, 6, 5):
        kept.append(Path(save_checkpoint(checkpoints / "last.ckpt", epoch)).read_bytes())
        begin_first_epoch(trainer, start)
        (checkpoints / FIRST_EPOCH).unlink()  # the epoch came to its end
    aside = [checkpoints / f"last.ckpt.old{number}" for number in ("", 1, 2)]
    assert [path.read_bytes() for path in aside] == kept


def test_another_start_throws_nothing_away_that_an_interrupted_one_left(trainer):
    checkpoints = last_checkpoint(trainer).parent
    starts = [save_checkpoint(checkpoints / f"best-{epoch}.ckpt", epoch) for epoch in (1, 2, 3)]
    begin_first_epoch(trainer, starts[1])
    begin_first_epoch(trainer, starts[0])
    names = {"best-1.ckpt", "best-2.ckpt.old", "best-3.ckpt.old", FIRST_EPOCH}
    assert {path.name for path in checkpoints.iterdir()} == names


def test_a_kill_before_anything_is_written_leaves_no_data(trainer):
    checkpoints = last_checkpoint(trainer).parent
    save(checkpoints / f"{FIRST_EPOCH}.part")
    assert choose_start(trainer, None) is choose_start(trainer, "auto") is None


@pytest.mark.parametrize("make", [save, lambda path: save_checkpoint(path, epoch=1)])
def test_checkpoints_of_later_epochs_or_of_others_are_not_thrown_away(trainer, make):
    begin_first_epoch(trainer, None)
    kept = last_checkpoint(trainer).parent / "mine.ckpt"
    make(kept)
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")
    assert kept.exists()


def test_a_run_that_keeps_only_other_checkpoints_is_not_started_again(trainer):
    begin_first_epoch(trainer, None)
    kept = last_checkpoint(trainer).parent / "epoch=0-step=5.ckpt"
    save_checkpoint(kept, epoch=0)
    end_first_epoch(trainer)
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")
    assert kept.exists()


def test_checkpoints_elsewhere_are_the_runs_own(tmp_path):
    trainer = make_trainer(tmp_path, dirpath=tmp_path / "elsewhere")
    best = save_checkpoint(tmp_path / "elsewhere" / "best.ckpt", epoch=1)
    assert choose_start(trainer, best) == best
    stranger = save_checkpoint(run_folder(trainer) / "other" / "best.ckpt", epoch=1)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, stranger)


def test_without_a_logger_only_the_checkpoints_count(tmp_path):
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=tmp_path)
    (tmp_path / "notes.txt").touch()
    assert choose_start(trainer, None) is None
    begin_first_epoch(trainer, None)
    assert choose_start(trainer, "auto") is None
    save_checkpoint(last_checkpoint(trainer), epoch=0)
    end_first_epoch(trainer)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, None)
