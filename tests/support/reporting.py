"""A fit without self-play, for tests of what is reported about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers.logger import DummyLogger


class Tiny(pl.LightningModule):
    """Learns nothing, quickly."""

    def __init__(self, rules: str = "standard") -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_index):
        loss = self.layer(batch).square().mean()
        self.log("train/value_loss", loss, on_step=False, on_epoch=True)
        return loss

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(4, 1), batch_size=2)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Sink(DummyLogger):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics, step=None):
        self.calls.append((step, dict(metrics)))

    def values(self, name: str) -> list[tuple[int, float]]:
        return [(step, float(metrics[name])) for step, metrics in self.calls if name in metrics]


class Evaluates(pl.Callback):
    """Logs at the end of the epoch, as the evaluation does."""

    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.log("eval/elo", 1234.0)


def fit_and_report(
    folder: Path,
    epochs: int,
    *report: pl.Callback,
    ckpt_path: Path | None = None,
    rules: str = "standard",
    **options: Any,
) -> pl.Trainer:
    """Fits with the given reports, which come first in the list of callbacks and must run last."""
    last = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[*report, Evaluates(), last],
        logger=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(Tiny(rules), ckpt_path=ckpt_path)
    return trainer
