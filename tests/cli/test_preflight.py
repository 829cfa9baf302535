import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.cli import preflight
from pylos.cli.preflight import (
    check_start,
    find_start,
    is_numbered,
    names_its_run,
    owning_run,
    refuse_config_of_another_run,
    start_line,
)
from pylos.errors import ConfigurationError
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.first_epoch import begin_first_epoch
from pylos.runs.folder import NOTE, checkpoint_folder, locked
from pylos.system import signals
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


def test_a_run_that_goes_on_has_no_first_epoch(trainer, last, capsys, monkeypatch):
    monkeypatch.setattr(signals, "_resume_command", "")
    folder = checkpoint_folder(trainer)
    checkpoint = load_checkpoint(last)
    begin_first_epoch(folder, None)  # whose note a kill left behind the checkpoint of its end
    IO.save_checkpoint({**checkpoint, "epoch": 5}, last)
    with owning_run(trainer, "last", last, "pylos fit again"):
        assert not (folder / NOTE).exists()
        signals.print_interrupted()
    lines = capsys.readouterr().err.splitlines()[-2:]
    assert lines[0].endswith(f" from {last}: after epoch 6, step 50")
    assert lines[1] == "pylos: interrupted; go on with: pylos fit again"


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--trainer.logger.init_args.version", True),
        ("--trainer.default_root_dir=x", True),
        ("--trainer.callbacks+=LastCheckpoint", True),
        ("--trainer.max_epochs", False),
        ("x--trainer.logger", False),
    ],
)
def test_arguments_that_name_a_run(argument, expected):
    assert names_its_run(["fit", argument]) is expected


def test_a_configuration_of_another_run_is_refused(trainer, last, tmp_path):
    run = tmp_path / "copy"
    own = Path(last).parent / "config.yaml"
    refuse_config_of_another_run(trainer, [own, tmp_path / "config.yaml", run / "config.yaml"])
    for folder in (run, own.parent):
        (folder / "checkpoints").mkdir(parents=True)
        shutil.copy(last, folder / "checkpoints" / "last.ckpt")
    refuse_config_of_another_run(trainer, [own])
    with pytest.raises(
        ConfigurationError, match=r"copy/config.yaml lies .* --trainer.logger.init_args.version copy$"
    ):
        refuse_config_of_another_run(trainer, [own, run / "config.yaml"])


def test_a_start_must_leave_an_epoch_to_train(trainer, last, monkeypatch):
    monkeypatch.setattr(preflight, "check_states", lambda *_: None)  # it has none
    model = SimpleNamespace(
        state_dict=lambda: sample_checkpoint(step=50)["state_dict"],
        rules="standard",
        take_activation=lambda *_: None,
    )
    for epochs, refused in ((4, True), (5, False), (-1, False), (0, True)):
        trainer.fit_loop.max_epochs = epochs
        check_start(trainer, "validate", model, None, last)
        if refused:
            with pytest.raises(
                ConfigurationError, match=f"has 5 epochs behind it, but trainer.max_epochs is {epochs}"
            ):
                check_start(trainer, "fit", model, None, last)
        else:
            check_start(trainer, "fit", model, None, last)
