"""The callback that keeps the configurations of a run."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.cli import SaveConfigCallback

from pylos.runs.config_files import record_config
from pylos.runs.first_epoch import end_first_epoch
from pylos.runs.folder import checkpoint_folder, run_folder


class RecordConfig(SaveConfigCallback):
    """Keeps every configuration that a run was started with: config.yaml, config-2.yaml, ...

    A start with the configuration of the newest file adds none. The checkpoint to resume from does not count as part
    of it. Also ends the first epoch (see `pylos.runs.folder`).
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Writes the file before anything is trained."""
        if stage != "fit":
            return
        folder = run_folder(trainer)  # on all ranks, because they exchange it
        if trainer.is_global_zero:
            config = self.config.clone()
            config["ckpt_path"] = None
            record_config(folder, self.parser.dump(config, skip_none=False))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ends the first epoch, if the epoch before has written the first checkpoint."""
        self._end_first_epoch(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Does the same after the last epoch."""
        self._end_first_epoch(trainer)

    def _end_first_epoch(self, trainer: pl.Trainer) -> None:
        folder = checkpoint_folder(trainer)  # on all ranks, because they exchange it
        if trainer.is_global_zero:
            end_first_epoch(folder)
