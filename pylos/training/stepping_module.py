"""How a module makes its optimizer steps: as Lightning does, or each as one launch on a CUDA device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler, StochasticWeightAveraging
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from pylos.errors import NonFiniteLossError
from pylos.network.compiled import uncompiled
from pylos.runs.lightning_internals import callbacks_of, has_hooks, is_compiled
from pylos.training.annealed_module import AnnealedModule
from pylos.training.captured_step import CapturedStep, is_captured
from pylos.training.step_precision import StepPrecision

_STEPS_BETWEEN_LOOKS = 32
"""To look whether the captured steps were finite means to wait for the device."""
_ACCUMULATE = GradientAccumulationScheduler, StochasticWeightAveraging
"""Callbacks that let gradients be accumulated in some epochs."""
_WITHIN_A_STEP = (
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)
"""The hooks that Lightning calls within a step, where a captured one does not stop."""
_OF_A_STEP = (
    *_WITHIN_A_STEP,
    "forward",
    "training_step",
    "backward",
    "configure_optimizers",
    "configure_gradient_clipping",
    "optimizer_step",
    "optimizer_zero_grad",
)
"""The methods of a module that a captured step has in it, or passes over."""


class SteppingModule(AnnealedModule):
    """The part of a module that makes optimizer steps.

    Lightning counts the steps, calls the schedule and keeps the optimizer in checkpoints, whoever makes them. Where
    `captured_step` is not None, `training_step` is a whole optimizer step, and what Lightning would do after it is
    left out. That is so on a single CUDA device in float32, unless somebody has a say within a step: methods of its own
    for it in a subclass, or given to the module as by `--optimizer`, a callback with a hook in it, a hook of torch on
    the module, gradient accumulation or `torch.compile`.
    """

    network: nn.Module
    step_precision: StepPrecision

    def __init__(self) -> None:
        super().__init__()
        self.captured_step: CapturedStep | None = None
        """Makes the steps of this fit; None where Lightning makes them."""
        self._newest = 0, 0
        """The newest step, and its batch within the epoch."""

    def on_fit_start(self) -> None:
        """Gives back what an earlier fit that failed still holds of the device's memory."""
        self._end_captured_steps()
        super().on_fit_start()

    def on_train_start(self) -> None:
        """Decides who makes the steps. In an earlier fit the weights may have lain elsewhere."""
        super().on_train_start()
        self.captured_step = self._new_captured_step()

    def on_train_end(self) -> None:
        """Gives back the device's memory."""
        self._end_captured_steps()

    def _end_captured_steps(self) -> None:
        if self.captured_step is not None:
            self.captured_step.end()
        self.captured_step = None

    def _step_class(self) -> type[pl.LightningModule]:
        """The class whose steps can be captured: a subclass with own methods for a step makes steps of its own."""
        return SteppingModule

    def _new_captured_step(self) -> CapturedStep | None:
        trainer, ours = self.trainer, self._step_class()
        plain = trainer.precision == "32-true" and self.step_precision.name == "float32"
        plain = plain and not torch.is_anomaly_enabled()
        plain = plain and not is_compiled(self) and uncompiled(self.network) is self.network
        alone = isinstance(trainer.strategy, SingleDeviceStrategy) and trainer.accumulate_grad_batches == 1
        alone = alone and not any(isinstance(c, _ACCUMULATE) for c in callbacks_of(trainer))
        own = self.automatic_optimization and _has_methods_of(self, ours, _OF_A_STEP)
        unseen = all(_has_methods_of(c, pl.Callback, _WITHIN_A_STEP) for c in callbacks_of(trainer))
        unseen = unseen and not has_hooks(self)
        if not (is_captured(self.device) and plain and alone and own and unseen):
            return None
        optimizer = trainer.optimizers[0]
        assert isinstance(optimizer, AdamW)
        return CapturedStep(
            self.network, optimizer, self.hparams["value_loss_weight"], lambda: self._clip(optimizer)
        )

    def _clip(self, optimizer: Optimizer) -> None:
        trainer = self.trainer
        self.clip_gradients(optimizer, trainer.gradient_clip_val, trainer.gradient_clip_algorithm)

    def note_captured_step(self, batch_index: int) -> None:
        """Remembers which step the newest one is, for `check_captured_steps`."""
        self._newest = self.global_step, batch_index

    def check_captured_steps(self, batch_index: int | None = None) -> None:
        """Ends the fit if a captured step was not finite. The weights are as before that step.

        Args:
            batch_index: looks only after some batches, because it must wait for the device; None for now.

        Raises:
            NonFiniteLossError: the loss or the gradient of a step was infinite or not a number.
        """
        if self.captured_step is None or (
            batch_index is not None and (batch_index + 1) % _STEPS_BETWEEN_LOOKS
        ):
            return
        if (trouble := self.captured_step.trouble()) is not None:
            ago, loss = trouble
            step, batch = self._newest
            self.check_loss(torch.tensor(loss), step - ago, batch - ago)
            self.check_norm(torch.tensor(torch.nan), step - ago)

    def check_loss(self, loss: Tensor, step: int, batch_index: int) -> None:
        """Ends the fit if the loss of a step is infinite or not a number."""
        if not torch.isfinite(loss):
            raise NonFiniteLossError(
                f"the loss is {loss.item()} at step {step} (epoch {self.current_epoch}, "
                f"batch {batch_index}); stopped. A lower learning_rate usually helps"
            )

    def check_norm(self, norm: Tensor, step: int) -> None:
        """Ends the fit if the norm of a step's gradient is infinite or not a number."""
        if not torch.isfinite(norm):
            raise NonFiniteLossError(
                f"the gradient is not finite at step {step} (epoch {self.current_epoch}); stopped. "
                "A lower learning_rate usually helps"
            )

    # What Lightning calls within a step -----------------------------------------------------------------------

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Makes a step, as Lightning does; one that is captured is over when `training_step` has returned."""
        if self.captured_step is None:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        elif optimizer_closure is not None:
            optimizer_closure()

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Computes the gradient, unless the step is captured."""
        if self.captured_step is None:
            super().backward(loss, *args, **kwargs)


def _has_methods_of(thing: Any, base: type, names: tuple[str, ...]) -> bool:
    """Whether methods are those of a class. `LightningCLI` gives a module some of its own, for `--optimizer`."""
    return all(
        getattr(type(thing), name) is getattr(base, name) and name not in vars(thing) for name in names
    )
