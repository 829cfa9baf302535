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
    torch.save({"state_dict": {}, "hyper_parameters": {}, "epoch": epoch, "global_step": 3}, path)


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
def test_a_missing_or_empty_folder_is_a_fresh_start(trainer, exists):
    if exists:
        run_folder(trainer).mkdir()
    assert choose_start(trainer, "last") is None
    assert choose_start(trainer, None) is None


def test_a_run_is_resumed_but_not_overwritten(trainer, tmp_path):
    last = save(last_checkpoint(trainer))
    assert choose_start(trainer, "last") == last
    assert choose_start(trainer, last) == last
    with pytest.raises(ConfigurationError, match=r"--ckpt_path last, or .*version NAME"):
        choose_start(trainer, None)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, save(tmp_path / "other" / "last.ckpt"))


def test_data_without_a_last_checkpoint_is_refused(trainer):
    save(run_folder(trainer) / "checkpoints" / "best-003.ckpt")
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")


def test_a_checkpoint_that_does_not_exist(trainer):
    with pytest.raises(CheckpointError, match=r"no checkpoint missing\.ckpt"):
        choose_start(trainer, "missing.ckpt")


def test_an_interrupted_first_epoch_starts_again_without_its_leftovers(trainer):
    begin_first_epoch(trainer)
    checkpoints = last_checkpoint(trainer).parent
    save(checkpoints / "manifest.json")
    save_checkpoint(checkpoints / "best-000.ckpt", epoch=0)
    assert choose_start(trainer, "last") is None
    begin_first_epoch(trainer)
    assert list(checkpoints.iterdir()) == []
    end_first_epoch(trainer)
    assert (run_folder(trainer) / FIRST_EPOCH).exists()
    save(last_checkpoint(trainer))
    end_first_epoch(trainer)
    assert not (run_folder(trainer) / FIRST_EPOCH).exists()


@pytest.mark.parametrize("make", [save, lambda path: save_checkpoint(path, epoch=1)])
def test_checkpoints_of_later_epochs_or_of_others_are_not_thrown_away(trainer, make):
    begin_first_epoch(trainer)
    kept = last_checkpoint(trainer).parent / "mine.ckpt"
    make(kept)
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")
    assert kept.exists()


def test_a_run_that_keeps_only_other_checkpoints_is_not_started_again(trainer):
    begin_first_epoch(trainer)
    kept = last_checkpoint(trainer).parent / "epoch=0-step=5.ckpt"
    save(kept)
    end_first_epoch(trainer)
    with pytest.raises(CheckpointError, match="holds data"):
        choose_start(trainer, "last")
    assert kept.exists()


def test_without_a_logger_only_the_checkpoints_count(tmp_path):
    trainer = Trainer(accelerator="cpu", logger=False, default_root_dir=tmp_path)
    (tmp_path / "notes.txt").touch()
    assert choose_start(trainer, None) is None
    begin_first_epoch(trainer)
    save(last_checkpoint(trainer))
    with pytest.raises(ConfigurationError, match="already holds a run"):
        choose_start(trainer, None)
