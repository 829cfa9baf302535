"""What fits of all kinds play and train on, and when they save and stop, as the Trainer is prepared for them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder, ModelCheckpoint, Timer
from lightning.pytorch.tuner import Tuner

from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule
from pylos.training.trainer import has_steps_left, prepare_trainer
from tests.support.training import STEPS_PER_EPOCH, assert_equal, tiny_data, tiny_module, tiny_trainer


class Watch(pl.Callback):
    """Notes the samples added so far and the first batch at the start of every epoch."""

    def __init__(self) -> None:
        self.added: list[int] = []
        self.batches: list[torch.Tensor] = []

    def on_train_epoch_start(self, trainer, pl_module):
        self.added.append(trainer.datamodule.buffer.added)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_index):
        if batch_index == 0:
            self.batches.append(torch.cat([batch.observations, batch.policy, batch.outcomes], 1))


def fit(
    folder: Path,
    *callbacks: pl.Callback,
    data: SelfPlayDataModule | None = None,
    epochs: int = 2,
    **options: Any,
) -> tuple[pl.Trainer, PylosModule, Watch]:
    watch, module = Watch(), tiny_module()
    trainer = tiny_trainer(folder, epochs, callbacks=(*callbacks, watch), **options)
    trainer.fit(module, datamodule=data or tiny_data())
    return trainer, module, watch


@pytest.mark.parametrize("mode", ["power", "binsearch"])
def test_a_search_for_the_batch_size_leaves_no_trace_in_the_training(tmp_path: Path, mode: str):
    finder = BatchSizeFinder(mode, steps_per_trial=STEPS_PER_EPOCH + 1, max_trials=2, init_val=32, margin=0)
    data = tiny_data()
    _, found, after_search = fit(tmp_path / "searched", finder, data=data)
    assert data.hparams["batch_size"] == 64
    _, told, straight = fit(tmp_path / "told", data=tiny_data(batch_size=64))
    assert after_search.added == straight.added
    assert_equal(dict(found.state_dict()), dict(told.state_dict()))


def test_a_search_for_the_learning_rate_leaves_no_trace_in_the_buffer(tmp_path: Path):
    finder = LearningRateFinder(num_training_steps=2 * STEPS_PER_EPOCH, update_attr=False)
    _, found, after_search = fit(tmp_path / "searched", finder)
    _, told, straight = fit(tmp_path / "told")
    assert after_search.added == straight.added
    assert_equal(dict(found.state_dict()), dict(told.state_dict()))


def test_a_tuner_before_the_fit_leaves_no_trace_in_the_buffer(tmp_path: Path):
    data, module, watch = tiny_data(), tiny_module(), Watch()
    trainer = tiny_trainer(tmp_path, callbacks=(watch,))
    Tuner(trainer).scale_batch_size(module, datamodule=data, steps_per_trial=1, max_trials=2, init_val=32)
    watch.added.clear()
    trainer.fit(module, datamodule=data)
    _, _, straight = fit(tmp_path / "told", data=tiny_data(batch_size=64))
    assert watch.added == straight.added


def test_a_finished_fit_plays_nothing_and_its_continuation_keeps_the_samples(tmp_path: Path):
    data = tiny_data()
    trainer, module, watch = fit(tmp_path, data=data)
    before = data.state_dict()
    for resume in (None, tmp_path / "last.ckpt"):
        trainer.fit(module, datamodule=data, ckpt_path=resume)
        assert_equal(data.state_dict(), before)
    trainer.fit_loop.max_epochs = 3
    trainer.fit(module, datamodule=data)
    assert watch.added == fit(tmp_path / "straight", epochs=3)[2].added


@pytest.mark.parametrize("limit", [{"max_epochs": 0}, {"max_steps": 0}, {"limit_train_batches": 0}])
def test_a_fit_without_training_plays_nothing(tmp_path: Path, limit: dict[str, int]):
    data = tiny_data()
    trainer = tiny_trainer(tmp_path, **limit)
    trainer.fit(tiny_module(), datamodule=data)
    assert data.buffer.added == trainer.global_step == 0


def test_samples_of_another_fit_are_dropped_with_a_warning(tmp_path: Path):
    data = tiny_data()
    fit(tmp_path, data=data)
    count = len(data.buffer)
    with pytest.warns(UserWarning, match=f"{count} samples of an earlier fit are dropped"):
        fit(tmp_path, data=data)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*are dropped")
        tiny_trainer(tmp_path, fast_dev_run=True).fit(tiny_module(), datamodule=(tried := tiny_data()))
        fit(tmp_path, data=tried)  # the game of a trial is nobody's loss


def test_an_interrupted_fit_goes_on_with_its_samples(tmp_path: Path):
    class Stop(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_index):
            if trainer.global_step == STEPS_PER_EPOCH + 2:
                raise ZeroDivisionError

    data, module, watch = tiny_data(), tiny_module(), Watch()
    trainer = tiny_trainer(tmp_path, callbacks=(Stop(), watch))
    with pytest.raises(ZeroDivisionError):
        trainer.fit(module, datamodule=data)
    assert len(watch.added) == 2
    trainer.callbacks = [watch]
    trainer.fit(module, datamodule=data)
    assert watch.added[2:] == watch.added[1:2]  # that epoch again, on its own games


def test_overfitting_uses_the_same_batches_in_every_epoch(tmp_path: Path):
    data = tiny_data(value_mix=0.5)
    _, module, watch = fit(tmp_path, data=data, epochs=3, overfit_batches=1)
    assert len(watch.batches) == 3
    assert all(torch.equal(batch, watch.batches[0]) for batch in watch.batches)
    assert len(set(watch.added)) == 1
    fit(tmp_path / "halted", epochs=2, overfit_batches=1)
    resumed = tiny_module()
    trainer = tiny_trainer(tmp_path / "halted", 3, overfit_batches=1)
    trainer.fit(resumed, datamodule=tiny_data(value_mix=0.5), ckpt_path=tmp_path / "halted" / "last.ckpt")
    assert_equal(dict(resumed.state_dict()), dict(module.state_dict()))


def test_loaders_that_last_for_epochs_are_refused_in_words(tmp_path: Path):
    with pytest.warns(UserWarning, match="reload_dataloaders_every_n_epochs=3 counts as 1"):
        _, _, watch = fit(tmp_path, reload_dataloaders_every_n_epochs=3)
    assert watch.added[0] < watch.added[1]


def test_fast_dev_run_plays_a_single_game(tmp_path: Path):
    data = tiny_data(games_per_epoch=10_000, parallel_games=2)
    trainer = tiny_trainer(tmp_path, fast_dev_run=True)
    trainer.fit(tiny_module(), datamodule=data)
    assert data.stats is not None
    assert data.stats.games <= 2
    assert trainer.global_step == 1


def test_max_time_ends_training_at_the_end_of_an_epoch(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, max_epochs=50, max_time={"microseconds": 1})
    trainer.fit(tiny_module(), datamodule=tiny_data())
    assert trainer.global_step == STEPS_PER_EPOCH
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == STEPS_PER_EPOCH


@pytest.mark.parametrize(
    ("limits", "epochs", "left"),
    [
        ({"max_epochs": 3}, 2, True),
        ({"max_epochs": 3}, 3, False),
        ({"max_epochs": -1}, 9, True),
        ({"max_epochs": -1, "max_steps": 0}, 0, False),
        ({"max_epochs": 0}, 0, False),
    ],
)
def test_steps_are_left_until_a_limit_is_reached(limits: dict[str, int], epochs: int, left: bool):
    trainer = pl.Trainer(accelerator="cpu", logger=False, **limits)
    trainer.fit_loop.epoch_progress.current.processed = epochs
    assert has_steps_left(trainer) is left


def test_checkpoints_are_saved_at_the_end_of_epochs_unless_the_user_says_otherwise():
    silent = ModelCheckpoint()
    told = ModelCheckpoint(monitor="loss", save_on_train_epoch_end=False)
    timer = Timer("00:01:00:00", interval="step")
    trainer = pl.Trainer(accelerator="cpu", logger=False, callbacks=[silent, told, timer])
    prepare_trainer(trainer)
    assert (silent._save_on_train_epoch_end, told._save_on_train_epoch_end) == (True, False)
    assert timer._interval == "epoch"
    assert trainer.reload_dataloaders_every_n_epochs == 1


def test_memory_is_not_written_over_before_it_is_used():
    torch.utils.deterministic.fill_uninitialized_memory = True
    prepare_trainer(pl.Trainer(logger=False, enable_checkpointing=False))
    assert not torch.utils.deterministic.fill_uninitialized_memory
