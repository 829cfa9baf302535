"""Which fit the samples of a data module are of, and whether it was interrupted in a notebook's cell."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.errors import ConfigurationError
from pylos.runs.fit_start import how_to_go_on
from pylos.runs.folder import is_trial, last_checkpoint
from pylos.system.signals import CellInterrupt

_Fit = tuple[pl.Trainer, pl.LightningModule]


class Fits:
    """Remembers the trainer and the module of the newest fit, and of one that was interrupted."""

    def __init__(self) -> None:
        self._newest: _Fit | None = None
        self._interrupted: _Fit | None = None
        """Of a fit that was interrupted, until another one begins."""

    def begin(self, trainer: pl.Trainer) -> tuple[bool, bool]:
        """Begins a fit.

        Returns:
            Whether trainer and module are those of the last fit, and whether that one was a trial.
        """
        last, self._newest = self._newest, (trainer, trainer.lightning_module)
        return last == self._newest, last is not None and is_trial(last[0])

    def note_interrupt(self, trainer: pl.Trainer, exception: BaseException) -> None:
        """Notes what ended a fit; if it was the interrupt of a cell, tells who interrupted it how to go on."""
        if isinstance(exception, CellInterrupt) and trainer.state.fn == "fit":
            self._interrupted = (trainer, trainer.lightning_module)
            exception.args = (how_to_go_on(trainer),)

    def check_interrupted(self, trainer: pl.Trainer) -> None:
        """Refuses to go on from the midst of an epoch that was interrupted, if there is a checkpoint to go on from.

        Raises:
            ConfigurationError: there is one.
        """
        if self._interrupted == (trainer, trainer.lightning_module) and trainer.ckpt_path is None:
            if last_checkpoint(trainer).is_file():
                raise ConfigurationError(f"this fit was interrupted: {how_to_go_on(trainer)}")
            rank_zero_warn(
                "this fit was interrupted, and no checkpoint was kept: it goes on, but not exactly"
            )
        self._interrupted = None
