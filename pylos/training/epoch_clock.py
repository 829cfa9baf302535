"""How long the parts of an epoch take."""

from __future__ import annotations

import time

import lightning.pytorch as pl

from pylos.runs.lightning_internals import datamodule_of
from pylos.training.epoch_metrics import log_for_epoch

SELFPLAY, TRAINING, EVALUATION, OTHER = "selfplay", "training", "evaluation", "other"
"""The parts, in the order of an epoch, except that OTHER lies before the others, between two epochs: the logs and the
checkpoints of the epoch before, and in the first one the start of the fit. EVALUATION includes the validation."""


class EpochClock:
    """Divides the time of a fit among the parts of its epochs: every moment counts for one of them."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begins a fit."""
        self._seconds: dict[str, float] = dict.fromkeys((SELFPLAY, TRAINING, EVALUATION, OTHER), 0.0)
        self._until = time.perf_counter()
        self._trained = False

    def end_part(self, part: str) -> None:
        """Ends a part: it gets the time since the last one ended."""
        now = time.perf_counter()
        self._seconds[part] += now - self._until
        self._until = now
        self._trained = self._trained or part == TRAINING

    def end_epoch(self) -> dict[str, float]:
        """Ends an epoch and its evaluation. Whoever comes first gets the seconds of all parts, others nothing."""
        if not self._trained:
            return {}
        self.end_part(EVALUATION)
        seconds, until = self._seconds, self._until
        self.begin()
        self._until = until
        return {f"time/{part}_seconds": value for part, value in seconds.items()}


def end_training(trainer: pl.Trainer) -> None:
    """Notes that the training of an epoch is over. Call it when the device is done with it."""
    if (clock := _clock_of(trainer)) is not None:
        clock.end_part(TRAINING)


def log_times(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """Logs how long the parts of an epoch took, if it has not been done for the epoch. Call it on all ranks.

    Both the report, which shows it, and the module, which hands it to the loggers, call it when all else is done.
    """
    if (clock := _clock_of(trainer)) is not None and (times := clock.end_epoch()):
        log_for_epoch(module, times, mean_of_ranks=True)


def _clock_of(trainer: pl.Trainer) -> EpochClock | None:
    """The clock of the trainer's data module, if that has one."""
    clock = getattr(datamodule_of(trainer), "clock", None)
    return clock if isinstance(clock, EpochClock) else None
