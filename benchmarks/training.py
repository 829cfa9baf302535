"""Training: Lightning's loop over a replay buffer against a bare loop over prepared tensors, measured in turns."""

from __future__ import annotations

import logging
import statistics
import time
import warnings

import lightning.pytorch as pl
import numpy as np
import torch

from pylos.game.playouts import random_action
from pylos.game.position import START
from pylos.game.rules import RULES, is_over, step
from pylos.kernels.randomness import draw
from pylos.selfplay.batches import EpochBatches
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.training.module import PylosModule

RULE_SET = RULES["standard"]
CAPACITY, WIDTH, BATCH, STEPS, ROUNDS, SURPRISE_WEIGHT = 100_000, 32, 512, 100, 5, 0.5


def filled_buffer() -> ReplayBuffer:
    """Positions of random games, each with one action that has a weight."""
    buffer = ReplayBuffer(CAPACITY, WIDTH)
    position, row = START, 0
    while row < CAPACITY:
        action = random_action(position, RULE_SET, draw(0, row))
        buffer.samples.positions[row] = position
        buffer.samples.actions[row, 0] = action
        position = step(position, action, RULE_SET)
        if is_over(position, RULE_SET):
            position = START
        row += 1
    buffer.samples.weights[:, 0] = 1
    buffer.samples.surprises[:] = np.random.default_rng(0).exponential(size=CAPACITY)
    buffer.samples.outcomes[:] = np.where(np.arange(CAPACITY) % 2, 1, -1)
    buffer.added = CAPACITY
    return buffer


class Clock(pl.Callback):
    """The seconds from the first batch of an epoch to the end of its last one."""

    seconds = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Starts."""
        self.seconds = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        """Stops at the last one."""
        if trainer.is_last_batch:
            self.seconds = time.perf_counter() - self.seconds


def lightning_seconds(module: PylosModule, buffer: ReplayBuffer) -> float:
    """An epoch as `pylos fit` trains it: batches drawn, everything logged, the schedule stepped."""
    clock = Clock()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(
        max_epochs=1, devices=1, logger=False, gradient_clip_val=1.0, callbacks=[clock], **quiet
    )
    batches = EpochBatches(buffer, STEPS, BATCH, RULE_SET, 0, SURPRISE_WEIGHT)
    trainer.fit(module, batches)
    return clock.seconds


def bare_seconds(module: PylosModule, batches: list[Batch]) -> float:
    """Forward, backward and step on prepared tensors, nothing else."""
    module.to(batches[0].observations.device)
    optimizer = module.configure_optimizers()["optimizer"]
    start = time.perf_counter()
    for i in range(STEPS):
        batch = batches[i % len(batches)]
        values, log_policy = module.network(batch.observations)
        loss = (
            torch.nn.functional.mse_loss(values, batch.outcomes) - (batch.policy * log_policy).sum(-1).mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if loss.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    buffer = filled_buffer()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batches = [Batch(*(t.to(device) for t in buffer.batch(BATCH, RULE_SET, i))) for i in range(8)]
    for width in (128, 256):
        module = PylosModule(width=width)
        lightning_seconds(module, buffer)
        pairs = [(bare_seconds(module, batches), lightning_seconds(module, buffer)) for _ in range(ROUNDS)]
        bare, ours = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        print(
            f"width {width}: {STEPS / ours:.1f} steps/s of {BATCH} samples, bare {STEPS / bare:.1f}, "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
