"""Lightning's logs, exact after a resume: who sees which of our metrics, and when.

This is about metrics that have a value once an epoch, or more rarely. Lightning keeps the last value of each metric in
`callback_metrics`, however old it is. A logger or a `ModelCheckpoint` would take it for a new one. So within an epoch
only new values are there. At its end, callbacks that watch a metric, as `EarlyStopping` does, see the newest value of
each. What users log themselves is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from pylos.errors import CheckpointError
from pylos.runs.lightning_internals import begins_within_epoch, count_as_saved, hide_metrics, show_metrics
from pylos.runs.logger import TIME_PREFIX
from pylos.system.options import COUNT
from pylos.system.schema import Each, check_state

Metrics = Mapping[str, float | Tensor | None]
"""Values by name; None for a metric that was measured and has no value: its earlier value no longer counts."""

IN_BAR = ("eval/elo", "truth/policy_accuracy", "truth/search_accuracy")
"""What Lightning's own progress bars show, beside the loss."""
_STATE = {
    "newest": Each(float),
    "epoch": Each(float),
    "sums": Each({"total": float, "count": COUNT}),
}


class EpochMetrics:
    """The metrics of the present epoch, and the newest value of every metric."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor | float, int]] = {}
        """Sums over the steps of the present epoch, and how many steps."""
        self._new: dict[str, float | Tensor] = {}
        """What was logged in the present epoch."""
        self._newest: dict[str, float] = {}
        """The newest value of every metric in epochs that are over."""

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
        hide_metrics(trainer, self._newest)
        self._sums, self._new = {}, {}

    def resume(self, trainer: pl.Trainer) -> None:
        """Begins a fit. If it goes on within an epoch, it shows what was logged in the epoch's first part."""
        if begins_within_epoch(trainer):
            show_metrics(trainer, {name: torch.as_tensor(v) for name, v in self._new.items()})

    def note(self, metrics: Metrics) -> None:
        """Notes what is logged in this epoch."""
        for name, value in metrics.items():
            if value is None:
                self._newest.pop(name, None)
            else:
                self._new[name] = value

    def end(self, trainer: pl.Trainer) -> dict[str, float]:
        """Ends an epoch.

        Returns:
            The values of the metrics that were logged in it, in the order in which Lightning has them.
        """
        new = {name: float(v) for name, v in trainer.callback_metrics.items() if name in self._new}
        self._newest.update(new)
        return new

    def show_newest(self, trainer: pl.Trainer) -> None:
        """Shows callbacks the newest value of every metric. No `ModelCheckpoint` saves for an old value again."""
        old = {name: value for name, value in self._newest.items() if name not in self._new}
        show_metrics(trainer, {name: torch.tensor(value) for name, value in old.items()})
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint) and callback.monitor in old:
                count_as_saved(callback, trainer.global_step)

    def state_dict(self, trainer: pl.Trainer) -> dict[str, Any]:
        """The newest values, and those of the present epoch as means of all ranks. Call it on all ranks.

        Metrics of the clock are left out, because no two runs agree on them.
        """
        newest, epoch = (
            {name: float(value) for name, value in values.items() if not name.startswith(TIME_PREFIX)}
            for values in (self._newest, self._new)
        )
        totals = {name: float(total) for name, (total, _) in self._sums.items()}
        means = torch.tensor([*epoch.values(), *totals.values()], dtype=torch.float64)
        if trainer.world_size > 1:
            means = trainer.strategy.reduce(means.to(trainer.strategy.root_device), reduce_op="mean")
        mean = iter(means.tolist())
        return {
            "newest": newest,
            "epoch": {name: next(mean) for name in epoch},
            "sums": {name: {"total": next(mean), "count": self._sums[name][1]} for name in totals},
        }

    def load_state_dict(self, state: Any) -> None:
        """Takes up what `state_dict` returned.

        Raises:
            CheckpointError: the state is something else.
        """
        what = "the checkpoint's metrics"
        check_state(state, dict.fromkeys(_STATE, dict), what)
        check_state(state, _STATE, what)
        if not all(isinstance(name, str) for part in _STATE for name in state[part]):
            raise CheckpointError(f"{what} have names that are no texts")
        self._newest, self._new = dict(state["newest"]), dict(state["epoch"])
        self._sums = {name: (found["total"], found["count"]) for name, found in state["sums"].items()}


def log_for_epoch(module: pl.LightningModule, metrics: Metrics, mean_of_ranks: bool = False) -> None:
    """Logs what was measured at the end of an epoch, by `PylosModule.log_for_epoch` if the module has it."""
    log: Any = getattr(module, "log_for_epoch", None)
    if log is not None:
        log(metrics, mean_of_ranks)
    else:
        known = {name: value for name, value in metrics.items() if value is not None}
        module.log_dict(known, sync_dist=mean_of_ranks)
