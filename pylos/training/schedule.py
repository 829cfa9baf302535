"""The learning rate's schedule: its form, and how many optimizer steps a training has."""

from __future__ import annotations

import math

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.runs.lightning_internals import batches_before_restart, datamodule_of, epochs_done


def cosine(progress: float, lowest: float) -> float:
    """The rate relative to the first one, from 1 down to `lowest`, after a share of the schedule from 0 to 1."""
    return float(lowest + (1 - lowest) * (1 + math.cos(math.pi * progress)) / 2)


def steps_per_epoch(trainer: pl.Trainer) -> float:
    """Optimizer steps of an epoch; infinite where only the epoch's data will tell."""
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
    """Optimizer steps of a run before its present epoch. Call it when a fit begins or ends."""
    return trainer.global_step - batches_before_restart(trainer) // trainer.accumulate_grad_batches


def steps_after(trainer: pl.Trainer, epochs: int) -> float:
    """Optimizer steps of a run at the end of a number of epochs, counted from its beginning.

    Epochs before a resume may have had another length, so this may differ from `planned_steps`. Call it when a fit
    begins or ends.
    """
    return steps_before_epoch(trainer) + (epochs - epochs_done(trainer)) * steps_per_epoch(trainer)


def last_step(trainer: pl.Trainer) -> int | None:
    """The optimizer step with which a training will end, None where nothing ends it. Call it when a fit begins."""
    epochs = trainer.max_epochs or 0
    ends = [trainer.max_steps, steps_after(trainer, epochs) if epochs > 0 else math.inf]
    ends = [steps for steps in ends if 0 < steps < math.inf]
    return int(min(ends)) if ends else None


def check_end(trainer: pl.Trainer) -> None:
    """Warns if a training ends within an epoch."""
    epoch, steps = steps_per_epoch(trainer), last_step(trainer)
    if steps is not None and 0 < epoch < math.inf and (steps - steps_before_epoch(trainer)) % epoch:
        rank_zero_warn(
            f"this training ends after {steps} steps, within an epoch of {epoch:.0f}: "
            "a resume leaves out the rest of that epoch"
        )


def check_schedule(trainer: pl.Trainer, given: int | None) -> None:
    """Warns if a training and its schedule do not end at the same step, or if neither has an end.

    Args:
        trainer: the trainer that is about to train.
        given: the steps of the schedule; None if they are `planned_steps`.
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
