import subprocess
import sys
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, OnExceptionCheckpoint

from pylos.runs.folder import (
    checkpoint_folder,
    how_to_start_another,
    is_trial,
    last_checkpoint,
    locked,
    run_folder,
    saved_checkpoint,
    set_checkpoint_folders,
)
from tests.support.runs import Remote, csv, make_trainer


@pytest.fixture
def trainer(tmp_path):
    return make_trainer(tmp_path)


def test_places(trainer, tmp_path):
    assert run_folder(trainer) == tmp_path / "run"
    assert last_checkpoint(trainer) == tmp_path / "run" / "checkpoints" / "last.ckpt"
    elsewhere = make_trainer(tmp_path, dirpath=tmp_path / "elsewhere")
    assert last_checkpoint(elsewhere) == tmp_path / "elsewhere" / "last.ckpt"
    assert run_folder(elsewhere) == tmp_path / "elsewhere"


LOGGERS = {
    "ours": lambda folder: [csv(folder)],
    "remote first": lambda folder: [Remote(), csv(folder)],
    "remote last": lambda folder: [csv(folder), Remote()],
    "remote": lambda folder: [Remote()],
    "none": lambda folder: False,
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("loggers", LOGGERS)
def test_a_run_is_found_whatever_else_is_in_the_lists(tmp_path, loggers, order):
    kept = ModelCheckpoint(filename="last", enable_version_counter=False)
    best = ModelCheckpoint(filename="best", monitor="elo")
    others = [
        ModelCheckpoint(tmp_path / "mine", every_n_epochs=2),
        OnExceptionCheckpoint(tmp_path / "failed"),
    ]
    options = {"logger": LOGGERS[loggers](tmp_path), "default_root_dir": tmp_path / "root"}
    trainer = Trainer(accelerator="cpu", callbacks=[kept, best, *others][::order], **options)
    run = tmp_path / ("run" if loggers in ("ours", "remote first", "remote last") else "root")
    assert (run_folder(trainer), checkpoint_folder(trainer)) == (run, run / "checkpoints")
    set_checkpoint_folders(trainer)
    assert {kept.dirpath, best.dirpath} == {str(run / "checkpoints")}
    assert others[0].dirpath == str(tmp_path / "mine")
    assert last_checkpoint(trainer) == run / "checkpoints" / "last.ckpt"
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("order", [1, -1])
def test_the_callback_that_keeps_the_last_checkpoint_decides(tmp_path, order):
    def place(*callbacks):
        trainer = Trainer(accelerator="cpu", logger=csv(tmp_path), callbacks=list(callbacks)[::order])
        return checkpoint_folder(trainer).name

    best = ModelCheckpoint(tmp_path / "best", monitor="elo", filename="best")
    weights = ModelCheckpoint(tmp_path / "weights", every_n_epochs=3, filename="last", save_weights_only=True)
    assert place(best, weights) == "best"
    other = ModelCheckpoint(tmp_path / "other", monitor="loss", filename="other")
    assert place(best, other) == ("other" if order == 1 else "best")
    assert (
        place(best, weights, ModelCheckpoint(tmp_path / "kept", every_n_epochs=2, save_last=True)) == "kept"
    )
    assert (
        place(best, weights, ModelCheckpoint(tmp_path / "last", every_n_epochs=2, filename="last")) == "last"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_what_a_fit_has_saved_to_resume_from(tmp_path, order):
    def saved(*callbacks):
        trainer = Trainer(accelerator="cpu", logger=csv(tmp_path), callbacks=list(callbacks)[::order])
        return saved_checkpoint(trainer)

    best = ModelCheckpoint(tmp_path, monitor="elo", filename="best")
    last = ModelCheckpoint(tmp_path, every_n_epochs=2, filename="last")
    assert saved(best, last) is None
    best.best_model_path = "best.ckpt"
    assert saved(best, last) == Path("best.ckpt")
    last.best_model_path = "last.ckpt"
    assert saved(best, last) == Path("last.ckpt")
    both = ModelCheckpoint(tmp_path, monitor="loss", filename="both", save_last=True)
    both.best_model_path, both.last_model_path = "both.ckpt", "last.ckpt"
    assert saved(best, both) == Path("last.ckpt")


def test_without_checkpoints_the_records_lie_where_they_would(tmp_path):
    trainer = Trainer(accelerator="cpu", logger=csv(tmp_path), enable_checkpointing=False)
    set_checkpoint_folders(trainer)
    assert checkpoint_folder(trainer) == tmp_path / "run" / "checkpoints"


def test_a_run_is_for_one_process_at_a_time(tmp_path):
    with locked(tmp_path):
        other = "from pathlib import Path; from pylos.runs.folder import locked; locked(Path()).__enter__()"
        command = [sys.executable, "-c", other]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "another process is at work" in result.stderr
    assert subprocess.run(command, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("loggers", "dirpath", "advice"),
    [
        (["csv"], None, "with --trainer.logger.init_args.version NAME"),
        (["csv", "csv"], None, "with another version of its CSVLogger"),
        ([], None, "with --trainer.default_root_dir FOLDER"),
        (["csv"], "mine", "with another dirpath of its ModelCheckpoint"),
    ],
)
def test_how_another_run_is_started(tmp_path, loggers, dirpath, advice):
    options = {"logger": [csv(tmp_path) for _ in loggers], "default_root_dir": tmp_path}
    kept = ModelCheckpoint(dirpath and tmp_path / dirpath)
    trainer = Trainer(accelerator="cpu", callbacks=[kept], **options)
    assert how_to_start_another(trainer) == f"start another run {advice}"


def test_a_trial_is_a_fast_dev_run(tmp_path):
    options = {"accelerator": "cpu", "logger": False, "default_root_dir": tmp_path}
    assert [is_trial(Trainer(fast_dev_run=batches, **options)) for batches in (False, 1, True)] == [0, 1, 1]
