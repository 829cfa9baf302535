"""The metrics of our own that have a value once an epoch, or more rarely: who may see which of them, and when.

Lightning keeps in ``callback_metrics`` the value that a metric last had, however old. A logger or a ``ModelCheckpoint``
would take it for a new one, so within an epoch only new values are there; at its end callbacks that watch a metric,
as ``EarlyStopping`` does, see the newest value of each. What others log is none of our business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from pylos.errors import CheckpointError
from pylos.logger import TIME_PREFIX

IN_BAR = ("eval/elo", "truth/policy_accuracy", "truth/search_accuracy")
"""What Lightning's own progress bars show, beside the loss."""


class EpochMetrics:
    """The sums of an epoch's steps, and of every metric its newest value."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor | float, int]] = {}
        self._new: set[str] = set()
        self._newest: dict[str, float] = {}

    def add(self, metrics: Mapping[str, Tensor]) -> None:
        """Adds what a training step measured."""
        for name, value in metrics.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value.detach(), count + 1

    def means(self) -> dict[str, Tensor | float]:
        """The means over the epoch's steps."""
        return {name: total / count for name, (total, count) in self._sums.items()}

    def begin(self, trainer: pl.Trainer) -> None:
        """Begins an epoch: hides what earlier ones measured."""
        for name in self._newest:
            trainer.callback_metrics.pop(name, None)
        self._sums, self._new = {}, set()

    def note(self, names: Iterable[str]) -> None:
        """Notes which metrics are logged in this epoch."""
        self._new |= set(names)

    def end(self, trainer: pl.Trainer) -> dict[str, float]:
        """Ends an epoch.

        Returns:
            The values of the metrics that were logged in it, in the order in which Lightning has them.
        """
        new = {name: float(v) for name, v in trainer.callback_metrics.items() if name in self._new}
        self._newest.update(new)
        return new

    def show_newest(self, trainer: pl.Trainer) -> None:
        """Lets the callbacks that watch a metric see its newest value, but none save the same value again."""
        old = {name: value for name, value in self._newest.items() if name not in self._new}
        trainer.callback_metrics.update({name: torch.tensor(value) for name, value in old.items()})
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint) and callback.monitor in old:
                callback._last_global_step_saved = trainer.global_step  # as if it had done so at this step

    def state_dict(self) -> dict[str, float]:
        """The newest values, but for those of the clock, on which no two runs agree."""
        return {name: value for name, value in self._newest.items() if not name.startswith(TIME_PREFIX)}

    def load_state_dict(self, state: Any) -> None:
        """Takes up what ``state_dict`` returned.

        Raises:
            CheckpointError: it is something else.
        """
        if not isinstance(state, dict) or not all(
            isinstance(name, str) and isinstance(value, float) for name, value in state.items()
        ):
            raise CheckpointError("the checkpoint's metrics make no sense")
        self._newest = dict(state)


def log_for_epoch(module: pl.LightningModule, metrics: Mapping[str, float | Tensor]) -> None:
    """Logs what a callback measured at the end of an epoch, through the door of ``PylosModule`` if it is one."""
    log = getattr(module, "log_for_epoch", module.log_dict)
    log(metrics)
