"""The schedule covers the training, and a fit says where the two do not end together."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest

from callbacks import PlainReport
from pylos.training.schedule import planned_steps, steps_after, steps_before_epoch
from tests.support.training import tiny_data, tiny_module, tiny_trainer


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"max_epochs": 3}, 12),
        ({"max_epochs": 3, "accumulate_grad_batches": 3}, 6),
        ({"max_epochs": 3, "max_steps": 5}, 5),
        ({"max_epochs": -1, "max_steps": 5}, 5),
        ({"max_epochs": 3, "limit_train_batches": 0.5}, 6),
        ({"max_epochs": 3, "limit_train_batches": 3}, 9),
        ({"max_epochs": -1}, None),
    ],
)
def test_the_schedule_has_the_steps_of_the_training(
    tmp_path: Path, options: dict[str, Any], steps: int | None
):
    trainer = tiny_trainer(tmp_path, **options)
    trainer.datamodule = tiny_data()
    assert planned_steps(trainer) == steps


def test_a_training_without_end_is_warned_of_and_keeps_its_rate(tmp_path: Path):
    class Ends(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = True

    trainer = tiny_trainer(tmp_path, -1, (Ends(),), limit_val_batches=0)
    with pytest.warns(UserWarning, match="nothing ends this training"):
        trainer.fit(tiny_module(schedule_steps=None), datamodule=tiny_data())
    assert trainer.optimizers[0].param_groups[0]["lr"] == 1e-3
    assert trainer.lightning_module.schedule_progress == 0.0


def said_by_fit(folder, epochs, batches, **options):
    """What a fit says of its schedule, and what it advises to run next."""
    trainer = tiny_trainer(folder, epochs, (PlainReport(),), limit_val_batches=0, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(tiny_module(), datamodule=tiny_data(batches_per_epoch=batches), ckpt_path="last")
    return " ".join(str(warning.message) for warning in caught)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").touch()
    return tmp_path


def test_the_steps_of_a_training_are_those_behind_it_and_those_to_come(folder, capsys):
    said_by_fit(folder, 1, batches=4)
    assert "--trainer.max_epochs 2 --model.schedule_steps 8\n" in capsys.readouterr().out
    assert "the model's schedule_steps should be 20" in said_by_fit(folder, 3, batches=8)
    advice = "--trainer.max_epochs 6 --model.schedule_steps 44\n"
    assert advice in capsys.readouterr().out
    said_by_fit(folder, 3, batches=8)  # nothing is left to train
    assert advice in capsys.readouterr().out
    said_by_fit(folder, 3, batches=8, accumulate_grad_batches=2)
    assert "--trainer.max_epochs 6 --model.schedule_steps 32\n" in capsys.readouterr().out
    said_by_fit(folder, 3, batches=8, limit_train_batches=2)
    assert "--trainer.max_epochs 6 --model.schedule_steps 26\n" in capsys.readouterr().out


def test_an_end_within_an_epoch_is_counted_from_the_present_one(folder):
    said_by_fit(folder, 1, batches=4)
    said = said_by_fit(folder, 3, batches=6, max_steps=12)
    assert "this training ends after 12 steps, within an epoch of 6" in said
    assert "the model's schedule_steps should be 12" in said
    assert "within an epoch" not in said_by_fit(folder, 4, batches=6)


def test_schedule_that_does_not_match_the_training_is_warned_of(tmp_path: Path):
    with pytest.warns(UserWarning, match="schedule_steps = 999 steps, but this training has 4 of them"):
        tiny_trainer(tmp_path, max_epochs=1).fit(tiny_module(schedule_steps=999), datamodule=tiny_data())


def test_a_training_that_ends_within_an_epoch_is_warned_of(tmp_path: Path):
    module = tiny_module(schedule_steps=5)
    with pytest.warns(UserWarning, match=r"ends after 5 steps, within an epoch of 4"):
        tiny_trainer(tmp_path, max_epochs=2, max_steps=5).fit(module, datamodule=tiny_data())


@pytest.mark.parametrize(("mid_epoch", "before"), [(True, 8), (False, 10)])
def test_steps_before_an_epoch_leave_out_those_of_its_first_part(mid_epoch: bool, before: int):
    """As after a resume within an epoch; five batches of which, in steps of two, have been trained on."""
    trainer: Any = SimpleNamespace(
        global_step=10,
        current_epoch=2,
        accumulate_grad_batches=2,
        limit_train_batches=1.0,
        datamodule=tiny_data(batches_per_epoch=7),
        fit_loop=SimpleNamespace(
            restarted_mid_epoch=mid_epoch,
            epoch_loop=SimpleNamespace(batch_progress=SimpleNamespace(current=SimpleNamespace(processed=5))),
            epoch_progress=SimpleNamespace(current=SimpleNamespace(processed=3)),
        ),
    )
    assert steps_before_epoch(trainer) == before
    assert steps_after(trainer, 5) == before + (5 - 3) * 4
