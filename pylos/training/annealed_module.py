"""How a module is optimised: by AdamW, with a learning rate that follows the schedule."""

from __future__ import annotations

from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch.optim.lr_scheduler import LambdaLR

from pylos.runs.lightning_internals import trainer_of
from pylos.training.schedule import check_end, check_schedule, cosine, planned_steps

_FUSIBLE = "cpu", "cuda"
"""The devices on which AdamW is one operation, as the whole step of `CapturedStep` needs it."""


class AnnealedModule(pl.LightningModule):
    """The part of a module that optimises: AdamW (Loshchilov and Hutter, 2019), with decay on weight matrices only.

    The learning rate follows a cosine (Loshchilov and Hutter, 2017, section 3) and stays at its minimum after that. It
    depends on the step and on the hyperparameters `learning_rate`, `min_learning_rate` and `schedule_steps`, and on
    nothing else. A subclass may have optimizers and schedules of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._options: list[tuple[float, Any]] = []
        """Of each group of parameters the weight decay, and whether it is fused, as `configure_optimizers` said."""

    def configure_optimizers(self) -> Any:
        """AdamW, and a cosine over the steps that the configuration says, also where a checkpoint had another one."""
        matrices = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.hparams["weight_decay"]},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.hparams["learning_rate"],
            # Of many small parameters it is much faster. Under a trainer's own autocast Lightning does not clip the
            # gradients of a fused optimizer.
            fused=True if self.device.type in _FUSIBLE and not self._in_autocast else None,
        )
        schedule = LambdaLR(optimizer, self._cosine)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "learning_rate"},
        }

    @property
    def _in_autocast(self) -> bool:
        trainer = trainer_of(self)
        return trainer is not None and str(trainer.precision).endswith("-mixed")

    @property
    def schedule_progress(self) -> float:
        """The share of the learning rate's schedule that is over, from 0 to 1."""
        return self._progress(self.global_step)

    def _progress(self, step: int) -> float:
        steps = self.hparams["schedule_steps"]
        if steps is None and (trainer := trainer_of(self)) is not None:
            steps = planned_steps(trainer)
        return min(step / steps, 1.0) if steps else 0.0

    def _cosine(self, step: int) -> float:
        """The learning rate after `step` optimizer steps, relative to the first one."""
        lowest = self.hparams["min_learning_rate"] / self.hparams["learning_rate"]
        return cosine(self._progress(step), lowest)

    def _is_own(self, schedule: Any) -> bool:
        """Whether a schedule is the one of `configure_optimizers`, with one rate for all parameters."""
        return (
            isinstance(schedule, LambdaLR)
            and all(getattr(rate, "__func__", None) is AnnealedModule._cosine for rate in schedule.lr_lambdas)
            and len(set(schedule.base_lrs)) == 1
        )

    def on_fit_start(self) -> None:
        """Notes what `configure_optimizers` said. After this, a checkpoint brings the state of its optimizer."""
        if self._is_own(schedule := self.lr_schedulers()):
            groups = cast(LambdaLR, schedule).optimizer.param_groups
            self._options = [(group["weight_decay"], group.get("fused")) for group in groups]

    def on_train_start(self) -> None:
        """Puts the options of this run in place of those that came with the optimizer's state in a checkpoint.

        The checkpoint may be from another device. Schedules and optimizers that a subclass made are left as they are.
        """
        schedule: Any = self.lr_schedulers()
        if self._is_own(schedule):
            schedule.base_lrs = [self.hparams["learning_rate"]] * len(schedule.base_lrs)
            for group, (decay, fused) in zip(schedule.optimizer.param_groups, self._options, strict=False):
                group["lr"] = self.hparams["learning_rate"] * self._cosine(schedule.last_epoch)
                group["weight_decay"], group["fused"] = decay, fused
                for state in (schedule.optimizer.state.get(p) for p in group["params"]):
                    if state and "step" in state:  # a fused optimizer counts its steps on the device
                        state["step"] = state["step"].to(self.device if fused else "cpu")
            check_schedule(self.trainer, self.hparams["schedule_steps"])
        check_end(self.trainer)
