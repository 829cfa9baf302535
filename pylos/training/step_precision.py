"""The precision in which optimizer steps compute the network."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_info
from torch import nn

from pylos.errors import ConfigurationError
from pylos.network.checkpoint_format import PRECISION_KEY
from pylos.network.evaluator import PRECISIONS
from pylos.network.precision import autocast, fastest_training_precision
from pylos.runs.lightning_internals import datamodule_of
from pylos.system.options import shown
from pylos.training.datamodule import SelfPlayDataModule


class StepPrecision:
    """What the option `training_precision` of `PylosModule` comes to.

    In bfloat16 the layers multiply by autocast, as with a trainer's `bf16-mixed` (Kalamkar et al., 2019): weights,
    gradients, the loss and the optimizer stay float32. The network is measured, validated and saved in float32.

    Args:
        option: "auto", "float32" or "bfloat16".

    Raises:
        ConfigurationError: it is none of them.
    """

    def __init__(self, option: str) -> None:
        if option not in ("auto", *PRECISIONS):
            raise ConfigurationError(
                f"training_precision must be auto, {' or '.join(PRECISIONS)}, got {shown(option)}"
            )
        self._option = self._chosen = option
        self.name = "float32"
        """The precision of the present fit."""

    def begin_fit(self, module: pl.LightningModule, network: nn.Module) -> None:
        """Decides in which precision a fit trains.

        A `precision` of the trainer's own goes first. The faster one is measured at most once in a run, on the first
        rank: a resume, which takes it from the checkpoint, has to make the same steps.

        Args:
            module: the one that is trained.
            network: its network.
        """
        if module.trainer.precision != "32-true" or (self._option == "auto" and module.device.type != "cpu"):
            self.name = "float32"
            return
        datamodule = datamodule_of(module.trainer)
        if self._chosen == "auto" and isinstance(datamodule, SelfPlayDataModule):
            if module.trainer.is_global_zero:
                size = datamodule.hparams["batch_size"]
                self._chosen = fastest_training_precision(network, size)
            self._chosen = module.trainer.strategy.broadcast(self._chosen)
            rank_zero_info(f"training in {self._chosen}, the faster one on {module.device}")
        self.name = self._chosen if self._chosen in PRECISIONS else "float32"

    def context(self, module: pl.LightningModule) -> AbstractContextManager[object]:
        """The context in which a step computes the network."""
        return autocast(self.name, module.device)

    def save(self, checkpoint: dict[str, Any]) -> None:
        """Adds to a checkpoint in which precision the run trains; "auto" if that was not measured."""
        checkpoint[PRECISION_KEY] = self._chosen

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Goes on as a run did until its checkpoint, unless the option says otherwise."""
        if self._option == "auto":
            self._chosen = checkpoint.get(PRECISION_KEY, "float32")  # so were runs of older versions
