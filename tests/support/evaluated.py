"""Training runs that take a second and evaluate their agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint

from tests.support.training import tiny_data, tiny_evaluation, tiny_module, tiny_trainer


class EvaluationMetrics(pl.Callback):
    """Keeps what was logged of the evaluation at the end of every epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs.append(
            {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("eval/")}
        )


def train(
    folder: Path,
    max_epochs: int = 2,
    ckpt_path: Path | None = None,
    fast_dev_run: bool = False,
    **changes: Any,
) -> tuple[pl.Trainer, EvaluationMetrics]:
    """Trains with an evaluation after every epoch, and keeps the two best checkpoints besides `last.ckpt`.

    Args:
        folder: of the checkpoints.
        max_epochs: how many epochs the run has in the end.
        ckpt_path: the checkpoint to start from.
        fast_dev_run: whether it is a trial.
        changes: options of the evaluation that differ from those of `tiny_evaluation`.
    """
    metrics = EvaluationMetrics()
    best = ModelCheckpoint(folder, monitor="eval/elo", mode="max", save_top_k=2, filename="best-{epoch}")
    callbacks = (tiny_evaluation(**changes), metrics, best)
    trainer = tiny_trainer(folder, max_epochs, callbacks=callbacks, fast_dev_run=fast_dev_run)
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=ckpt_path)
    return trainer, metrics
