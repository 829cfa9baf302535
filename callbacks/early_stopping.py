"""Early stopping that watches a metric of the evaluation."""

from __future__ import annotations

from collections.abc import Container

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping

from pylos.runs.lightning_internals import check_after_epochs


class PatientStopping:
    """Lets every `EarlyStopping` that watches an evaluation wait for the first one.

    A strict one ends the training with an error if its metric is missing. Before the first evaluation a missing metric
    is no mistake, so until then none is strict.
    """

    def __init__(self) -> None:
        self._waiting: list[EarlyStopping] = []

    def begin(self, trainer: pl.Trainer) -> None:
        """Begins the waiting, and lets them look after epochs, as the evaluation does. Call it when a fit starts."""
        for callback in trainer.early_stopping_callbacks:
            if isinstance(callback, EarlyStopping) and callback.monitor.startswith("eval/"):
                check_after_epochs(callback)
                if callback.strict:
                    callback.strict = False
                    self._waiting.append(callback)

    def end(self, measured: Container[str]) -> None:
        """Ends the waiting after an evaluation.

        Args:
            measured: the names of its metrics, also of those that had no value. A callback that watches another name is
                a mistake, and strict again.
        """
        for callback in self._waiting:
            callback.strict = callback.monitor not in measured
        self._waiting = []
