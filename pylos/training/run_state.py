"""What ties a module to the run in which it is trained: the run's name, and the checkpoint from which a fit goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.runs.fit_start import open_run, save_start
from pylos.runs.identity import RUN_KEY
from pylos.runs.resuming import check_optimizers, check_schedulers
from pylos.training.fingerprint import differences, fingerprint


class RunState:
    """What a module knows of its run."""

    def __init__(self) -> None:
        self._run: str | None = None
        """The name of the run (see `pylos.runs.identity`), None before its first fit has begun."""
        self._restored: Mapping[str, Any] = {}
        """The checkpoint from which a fit goes on, until it has begun."""

    def save(self, checkpoint: dict[str, Any], module: pl.LightningModule) -> None:
        """Adds to a checkpoint which run it is of, and what the bits of that run depend on."""
        checkpoint["fingerprint"] = fingerprint(module.device, module.trainer.world_size)
        if self._run is not None:
            checkpoint[RUN_KEY] = self._run

    def restore(self, checkpoint: Mapping[str, Any], module: pl.LightningModule) -> None:
        """Takes up a checkpoint from which a fit goes on.

        Warns if training cannot stay the same to the last bit, because something of which it depends has changed.
        """
        self._run = checkpoint.get(RUN_KEY)
        self._restored = checkpoint
        now = fingerprint(module.device, module.trainer.world_size)
        if changes := differences(checkpoint["fingerprint"], now):
            rank_zero_warn(
                f"the training goes on, but not bit for bit as if never interrupted: {'; '.join(changes)}"
            )

    def begin_fit(self, module: pl.LightningModule) -> None:
        """Checks, before the first game, that the fit harms no other run and can take up its checkpoint's states.

        Raises:
            CheckpointError: the checkpoint does not fit the optimizers.
            ConfigurationError: another run has its history where this one would write.
        """
        trainer = module.trainer
        restored, self._restored = self._restored, {}
        if restored:
            schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
            check_optimizers(restored["optimizer_states"], trainer.optimizers, "the checkpoint")
            check_schedulers(restored["lr_schedulers"], schedulers, "the checkpoint")
        goes_on = trainer.ckpt_path is not None or trainer.global_step > 0
        self._run = open_run(module, self._run if goes_on else None, restored.get("history"))
        save_start(trainer)
