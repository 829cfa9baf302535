"""What an evaluation does for Lightning's `EarlyStopping` that watches one of its metrics."""

from __future__ import annotations

from collections.abc import Container

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping

from pylos.runs.lightning_internals import check_after_epochs


class PatientStopping:
    """Makes early stopping wait for the first evaluation.

    A strict `EarlyStopping` ends the training with an error where its metric is missing. Until the first evaluation
    that is no mistake, so it is not strict until then.
    """

    def __init__(self) -> None:
        self._waiting: list[EarlyStopping] = []

    def begin(self, trainer: pl.Trainer) -> None:
        """Lets those that watch an evaluation look at the end of epochs, and wait. Call it when a fit starts."""
        for callback in trainer.early_stopping_callbacks:
            if isinstance(callback, EarlyStopping) and callback.monitor.startswith("eval/"):
                check_after_epochs(callback)
                if callback.strict:
                    callback.strict = False
                    self._waiting.append(callback)

    def end(self, measured: Container[str]) -> None:
        """Ends the waiting after an evaluation.

        Args:
            measured: the names of its metrics, also of those that had no value. To watch another one is a mistake: such
                a callback is strict again.
        """
        for callback in self._waiting:
            callback.strict = callback.monitor not in measured
        self._waiting = []
