"""What training on self-play needs of Lightning's Trainer."""

from __future__ import annotations

import warnings
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.callbacks.timer import Interval
from lightning.pytorch.utilities import rank_zero_warn


def prepare(trainer: pl.Trainer) -> None:
    """Makes Lightning ask for new batches every epoch, and end nothing and save nothing of itself within one."""
    warnings.filterwarnings("ignore", "Total length of `list`")  # no suite, no validation
    options: Any = trainer  # Lightning sets these from outside the class
    if options.reload_dataloaders_every_n_epochs > 1:
        rank_zero_warn(
            f"reload_dataloaders_every_n_epochs={options.reload_dataloaders_every_n_epochs} counts as 1: "
            "every epoch plays games of its own, and trains on batches of its own"
        )
    options.reload_dataloaders_every_n_epochs = 1
    for callback in options.callbacks:
        if isinstance(callback, ModelCheckpoint) and callback._save_on_train_epoch_end is None:
            callback._save_on_train_epoch_end = True  # not within an epoch, after a validation
        if isinstance(callback, Timer):  # max_time; an epoch cut short could not be resumed exactly
            callback._interval = Interval.epoch


def trains(trainer: pl.Trainer) -> bool:
    """Whether anything is left to train: Lightning asks for batches in any case."""
    epochs: Any = trainer.fit_loop.epoch_progress.current
    limits = ((trainer.max_epochs, epochs.processed), (trainer.max_steps, trainer.global_step))
    return not any(most is not None and 0 <= most <= done for most, done in limits)


def ask_again(trainer: pl.Trainer) -> None:
    """Makes Lightning ask for the epoch's batches again: those that it holds are of another state."""
    trainer.fit_loop._combined_loader = None


def restored_epoch(trainer: pl.Trainer) -> int | None:
    """The epoch of the checkpoint that Lightning is restoring; None if it restores none."""
    epoch: int | None = trainer._checkpoint_connector._loaded_checkpoint.get("epoch")
    return epoch


def phases_shown(trainer: pl.Trainer) -> bool:
    """Whether self-play and evaluation may draw bars of their own in a trainer's fit.

    Beside Lightning's own bar they may not: that one stays on its line the whole time.
    """
    shown: bool = getattr(trainer.progress_bar_callback, "shows_phases", False)
    return trainer.is_global_zero and shown
