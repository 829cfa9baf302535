"""What training on self-play needs of Lightning's `Trainer`, and reads of it."""

from __future__ import annotations

import warnings
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_warn

from pylos.runs.lightning_internals import callbacks_of, epochs_done, save_after_epochs, stop_after_epochs


def prepare_trainer(trainer: pl.Trainer) -> None:
    """Makes the trainer ask for new batches in every epoch, and neither stop nor save within one by itself."""
    # Where algorithms are deterministic, torch fills all memory that it hands out, to show who reads it too early: 300
    # more operations in a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property
    # Lightning's own business with a new version of torch.
    warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)` is deprecated")
    # Where the rules have no suite, there is no validation.
    warnings.filterwarnings("ignore", "Total length of `list`")
    # Runs are not mixed: see `open_run`.
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")
    options: Any = trainer  # Lightning sets its options from outside the class
    if options.reload_dataloaders_every_n_epochs > 1:
        rank_zero_warn(
            f"reload_dataloaders_every_n_epochs={options.reload_dataloaders_every_n_epochs} counts as 1: "
            "every epoch plays games of its own, and trains on batches of its own"
        )
    options.reload_dataloaders_every_n_epochs = 1
    for callback in callbacks_of(trainer):
        if isinstance(callback, ModelCheckpoint):
            save_after_epochs(callback)
        # An epoch that max_time cuts short could not be resumed exactly.
        if isinstance(callback, Timer):
            stop_after_epochs(callback)


def has_steps_left(trainer: pl.Trainer) -> bool:
    """Whether anything is left to train. Lightning asks for batches even if there is not."""
    limits = ((trainer.max_epochs, epochs_done(trainer)), (trainer.max_steps, trainer.global_step))
    return not any(most is not None and 0 <= most <= done for most, done in limits)


def phases_shown(trainer: pl.Trainer) -> bool:
    """Whether self-play and evaluation may draw bars of their own during a fit.

    Beside Lightning's own progress bar they may not, because it stays on its line the whole time.
    """
    shown: bool = getattr(trainer.progress_bar_callback, "shows_phases", False)
    return trainer.is_global_zero and shown
