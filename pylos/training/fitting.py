"""What training on self-play needs of Lightning's Trainer."""

from __future__ import annotations

import warnings
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_warn

from pylos.runs.lightning_internals import callbacks_of, epochs_done, save_after_epochs, stop_after_epochs


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
    for callback in callbacks_of(trainer):
        if isinstance(callback, ModelCheckpoint):
            save_after_epochs(callback)
        if isinstance(callback, Timer):  # max_time; an epoch cut short could not be resumed exactly
            stop_after_epochs(callback)


def trains(trainer: pl.Trainer) -> bool:
    """Whether anything is left to train: Lightning asks for batches in any case."""
    limits = ((trainer.max_epochs, epochs_done(trainer)), (trainer.max_steps, trainer.global_step))
    return not any(most is not None and 0 <= most <= done for most, done in limits)


def phases_shown(trainer: pl.Trainer) -> bool:
    """Whether self-play and evaluation may draw bars of their own in a trainer's fit.

    Beside Lightning's own bar they may not: that one stays on its line the whole time.
    """
    shown: bool = getattr(trainer.progress_bar_callback, "shows_phases", False)
    return trainer.is_global_zero and shown
