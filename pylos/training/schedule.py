"""How a module is optimised: AdamW and its learning rate's schedule, over as many steps as the training has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch.optim.lr_scheduler import LambdaLR

from pylos.runs.lightning_internals import batches_before_restart, datamodule_of, epochs_done, trainer_of


def cosine(progress: float, lowest: float) -> float:
    """What is left of the rate, from 1 to ``lowest``, after a share of the schedule from 0 to 1."""
    return float(lowest + (1 - lowest) * (1 + math.cos(math.pi * progress)) / 2)


def steps_per_epoch(trainer: pl.Trainer) -> float:
    """Optimizer steps of an epoch; infinite where that is not known before the epoch's data is."""
    datamodule = datamodule_of(trainer)
    batches = datamodule.hparams.get("batches_per_epoch") if datamodule is not None else None
    if batches is None:
        batches = trainer.num_training_batches
    else:
        limit = trainer.limit_train_batches
        batches = min(batches, limit) if isinstance(limit, int) else int(batches * (limit or 1.0))
    return batches if batches == math.inf else -(-batches // trainer.accumulate_grad_batches)


def planned_steps(trainer: pl.Trainer) -> int | None:
    """Optimizer steps of a whole training, resumed parts included; None where nothing ends it."""
    ends = [trainer.max_steps, (trainer.max_epochs or 0) * steps_per_epoch(trainer)]
    ends = [steps for steps in ends if 0 < steps < math.inf]
    return int(min(ends)) if ends else None


def steps_before_epoch(trainer: pl.Trainer) -> int:
    """Optimizer steps of a run before its present epoch; call it when a fit begins or ends."""
    return trainer.global_step - batches_before_restart(trainer) // trainer.accumulate_grad_batches


def steps_after(trainer: pl.Trainer, epochs: int) -> float:
    """Optimizer steps of a run when it has so many epochs behind it; earlier ones may have had another length.

    As ``planned_steps`` where they had not. Call it when a fit begins or ends.
    """
    return steps_before_epoch(trainer) + (epochs - epochs_done(trainer)) * steps_per_epoch(trainer)


def last_step(trainer: pl.Trainer) -> int | None:
    """The optimizer step with which a training will end; None where nothing ends it. Call it when a fit begins."""
    epochs = trainer.max_epochs or 0
    ends = [trainer.max_steps, steps_after(trainer, epochs) if epochs > 0 else math.inf]
    ends = [steps for steps in ends if 0 < steps < math.inf]
    return int(min(ends)) if ends else None


def check_end(trainer: pl.Trainer) -> None:
    """Warns of a training that ends within an epoch."""
    epoch, steps = steps_per_epoch(trainer), last_step(trainer)
    if steps is not None and 0 < epoch < math.inf and (steps - steps_before_epoch(trainer)) % epoch:
        rank_zero_warn(
            f"this training ends after {steps} steps, within an epoch of {epoch:.0f}: "
            "a resume leaves out the rest of that epoch"
        )


def check_schedule(trainer: pl.Trainer, given: int | None) -> None:
    """Warns of a training that ends before or after the learning rate's fall, and of one that has neither.

    Args:
        trainer: about to train.
        given: the steps of the schedule, None if they are ``planned_steps``.
    """
    steps = last_step(trainer)
    if steps is None and given is None:
        rank_zero_warn(
            "nothing ends this training, so the learning rate stays as it is: the model's schedule_steps say over how "
            "many steps it falls"
        )
    if None not in (steps, given) and steps != given:
        rank_zero_warn(
            f"the learning rate falls for schedule_steps = {given} steps, but this training has {steps} of them: "
            f"the model's schedule_steps should be {steps}, or null"
        )


class AnnealedModule(pl.LightningModule):
    """The part of a module that optimises: AdamW (Loshchilov and Hutter, 2019), with decay on weight matrices only.

    The learning rate follows a cosine (Loshchilov and Hutter, 2017, section 3) and stays at its minimum thereafter. It
    is a pure function of the step and of the hyperparameters ``learning_rate``, ``min_learning_rate`` and
    ``schedule_steps``. A subclass may have optimizers and schedules of its own.
    """

    _decays: Sequence[float] = ()
    """The weight decay of each group of parameters, as ``configure_optimizers`` said."""

    def configure_optimizers(self) -> Any:
        """AdamW, and a cosine that is a pure function of the step: a resume takes its horizon from the config."""
        matrices = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.hparams["weight_decay"]},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.hparams["learning_rate"],
            # Under autocast Lightning does not clip the gradients of a fused optimizer.
            fused=True if self.device.type == "cuda" and not self._in_autocast else None,
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
        """How much of the learning rate's schedule is over, from 0 to 1."""
        return self._progress(self.global_step)

    def _progress(self, step: int) -> float:
        steps = self.hparams["schedule_steps"]
        if steps is None and (trainer := trainer_of(self)) is not None:
            steps = planned_steps(trainer)
        return min(step / steps, 1.0) if steps else 0.0

    def _cosine(self, step: int) -> float:
        """The learning rate after ``step`` optimizer steps, relative to the first one."""
        lowest = self.hparams["min_learning_rate"] / self.hparams["learning_rate"]
        return cosine(self._progress(step), lowest)

    def _is_own(self, schedule: Any) -> bool:
        """Whether a schedule is the one of ``configure_optimizers``, for all parameters alike."""
        return (
            isinstance(schedule, LambdaLR)
            and all(getattr(rate, "__func__", None) is AnnealedModule._cosine for rate in schedule.lr_lambdas)
            and len(set(schedule.base_lrs)) == 1
        )

    def on_fit_start(self) -> None:
        """Notes what ``configure_optimizers`` said, before a checkpoint brings its optimizer's state."""
        if self._is_own(schedule := self.lr_schedulers()):
            self._decays = [
                group["weight_decay"] for group in cast(LambdaLR, schedule).optimizer.param_groups
            ]

    def on_train_start(self) -> None:
        """Lets the options of this run win over the ones that a checkpoint brought with its optimizer's state.

        A subclass's own schedules and optimizers are left as they are.
        """
        schedule: Any = self.lr_schedulers()
        if self._is_own(schedule):
            schedule.base_lrs = [self.hparams["learning_rate"]] * len(schedule.base_lrs)
            for group, decay in zip(schedule.optimizer.param_groups, self._decays, strict=False):
                group["lr"] = self.hparams["learning_rate"] * self._cosine(schedule.last_epoch)
                group["weight_decay"] = decay
            check_schedule(self.trainer, self.hparams["schedule_steps"])
        check_end(self.trainer)
