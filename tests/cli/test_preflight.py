from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.cli.preflight import find_start, is_numbered, owning_run, start_line
from pylos.errors import ConfigurationError
from pylos.runs.folder import NOTE, checkpoint_folder, locked
from tests.support.saving import IO, sample_checkpoint


@pytest.fixture
def trainer(tmp_path):
    return Trainer(accelerator="cpu", logger=False, callbacks=[ModelCheckpoint(tmp_path / "run", "last")])


@pytest.fixture
def last(tmp_path):
    path = str(tmp_path / "run" / "last.ckpt")
    checkpoint = sample_checkpoint(epoch=4, step=50)
    del checkpoint["SelfPlayDataModule"]  # is none
    IO.save_checkpoint(checkpoint, path)
    return path


def test_what_is_measured(trainer, tmp_path):
    assert find_start(trainer, "test", "last") == str(tmp_path / "run" / "last.ckpt")
    assert find_start(trainer, "test", "some.ckpt") == "some.ckpt"
    with pytest.raises(ConfigurationError, match="test needs a checkpoint"):
        find_start(trainer, "test", None)


@pytest.mark.parametrize("wanted", ["last", "auto", None])
def test_a_trial_goes_on_from_nothing(last, tmp_path, wanted):
    trial = Trainer(accelerator="cpu", fast_dev_run=True, default_root_dir=tmp_path / "run")
    assert find_start(trial, "fit", wanted) is None
    assert find_start(trial, "fit", last) == last
    with pytest.raises(ConfigurationError, match="validate needs a checkpoint"):
        find_start(trial, "validate", wanted)


def test_a_run_is_locked_while_it_lasts(trainer, capsys):
    folder = checkpoint_folder(trainer)
    with owning_run(trainer, None, None, ""):
        assert (folder / NOTE).exists()
        with pytest.raises(ConfigurationError, match="another process"), locked(folder):
            pass
    with locked(folder):
        pass
    assert capsys.readouterr().err == f"pylos: starting {folder} from nothing\n"


def test_a_run_that_another_process_has_just_trained(trainer, last):
    with (
        pytest.raises(ConfigurationError, match="has just trained this run"),
        owning_run(trainer, "auto", None, ""),
    ):
        pass
    with locked(Path(last).parent):  # the refusal has left it free
        pass
    assert not (Path(last).parent / NOTE).exists()


def test_the_line_counts_finished_epochs(last):
    assert start_line("run", last) == f"resuming run from {last}: after epoch 5, step 50"


def test_a_run_with_a_folder_of_its_own_has_no_number(trainer, tmp_path):
    assert not is_numbered(trainer, loggers=True)
    assert not is_numbered(Trainer(accelerator="cpu", logger=False), loggers=False)
    assert is_numbered(Trainer(accelerator="cpu", default_root_dir=tmp_path), loggers=True)
