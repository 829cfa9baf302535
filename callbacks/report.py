"""The callback that reports a fit, with live bars."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ProgressBar

from callbacks.plain_report import PlainReport
from pylos.system.progress import Update, progress_bar

LIVE_SECONDS = 0.1
"""The losses beside the bar are read at most once in this time, because reading one waits for the accelerator."""


class Report(PlainReport, ProgressBar):
    """Reports a fit on the terminal or in a notebook, in place of Lightning's own progress bar.

    It prints the lines of `PlainReport` and draws live bars on stderr, one at a time: of an epoch's self-play, training
    with its losses, validation and evaluation. Beside another progress bar use `PlainReport`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bar = ExitStack()
        self._update: Update | None = None
        self._next_live = 0.0

    @property
    def is_enabled(self) -> bool:
        """Whether it shows anything."""
        return self._enabled

    @property
    def shows_phases(self) -> bool:
        """Whether self-play and evaluation may draw a bar: see `pylos.training.trainer.phases_shown`."""
        return self._enabled

    def without_bar(self) -> PlainReport:
        """A report without bars, for use beside another progress bar."""
        return PlainReport()

    def disable(self) -> None:
        """Shows nothing from now on. Lightning calls this on all ranks but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Undoes `disable`."""
        self._enabled = True

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Moves the bar. The first batch opens it and the last one closes it."""
        title = f"training epoch {trainer.current_epoch + 1}"
        self._move_bar(title, batch_idx + 1, self.total_train_batches, outputs)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        """Moves the bar, as in training."""
        if not trainer.sanity_checking:
            self._move_bar("validation", batch_idx + 1, sum(trainer.num_val_batches))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints the line of results."""
        self._close_bar()  # an epoch may end before its last batch
        super().on_train_epoch_end(trainer, pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Closes the bar, so that the message of the error begins on a line of its own."""
        self._close_bar()

    def _move_bar(self, title: str, done: int, total: float, outputs: Any = None) -> None:
        if not self._enabled:
            return
        if self._update is None:
            self._update = self._bar.enter_context(progress_bar(title, int(total)))
        if (now := time.monotonic()) >= self._next_live:
            self._next_live = now + LIVE_SECONDS
            self._update(done, live_text(outputs))
        if done >= total:
            self._close_bar()

    def _close_bar(self) -> None:
        self._bar.close()
        self._update = None


def live_text(outputs: Any) -> str:
    """The losses of one training step, to stand beside the bar.

    Args:
        outputs: what `training_step` returned: the loss, or losses and other metrics by name.
    """
    losses = outputs if isinstance(outputs, Mapping) else {"loss": outputs}
    return "  ".join(
        f"{name.replace('_', ' ')} {float(value):.3f}"
        for name, value in losses.items()
        if isinstance(value, torch.Tensor) and value.numel() == 1 and name.endswith("loss")
    )
