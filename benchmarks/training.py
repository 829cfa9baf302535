"""Training: Lightning's loop over a replay buffer against a bare loop over prepared tensors, measured in turns.

On a CUDA device instead: what a step of 2,048 samples takes through Lightning, with the step in one launch and with all
kernels launched one by one, and what of it is the step alone and the draw alone.
"""

from __future__ import annotations

import logging
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

from pylos.game.playouts import random_action
from pylos.game.position import START
from pylos.game.rules import RULES, is_over, step
from pylos.kernels.randomness import draw
from pylos.selfplay.batches import EpochBatches
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.training.captured_step import CapturedStep
from pylos.training.losses import outcome_targets
from pylos.training.module import PylosModule

RULE_SET = RULES["standard"]
CAPACITY, WIDTH, BATCH, STEPS, ROUNDS, SURPRISE_WEIGHT = 100_000, 32, 512, 100, 5, 0.5
BATCH_ON_DEVICE, STEPS_ON_DEVICE, SIZES_ON_DEVICE = 2048, 200, ((256, 4), (256, 8))


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
            if trainer.strategy.root_device.type == "cuda":
                torch.cuda.synchronize()
            self.seconds = time.perf_counter() - self.seconds


class KernelByKernel(pl.Callback):
    """Has a say within every step, so that no step is one launch."""

    def on_before_optimizer_step(self, *_: object) -> None:
        """Says nothing."""


def lightning_seconds(
    module: PylosModule, batches: EpochBatches, epochs: int = 1, *callbacks: pl.Callback
) -> float:
    """The last epoch of a fit as `pylos fit` trains it: batches drawn, everything logged, the schedule stepped."""
    clock = Clock()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(
        max_epochs=epochs,
        devices=1,
        logger=False,
        gradient_clip_val=1.0,
        callbacks=[clock, *callbacks],
        **quiet,
    )
    trainer.fit(module, batches)
    return clock.seconds


def bare_seconds(module: PylosModule, batches: list[Batch]) -> float:
    """Forward, backward and step on prepared tensors, nothing else."""
    optimizer = module.configure_optimizers()["optimizer"]
    start = time.perf_counter()
    for i in range(STEPS):
        batch = batches[i % len(batches)]
        outcomes, log_policy = module.network(batch.observations)
        value_loss = torch.nn.functional.cross_entropy(outcomes, outcome_targets(batch.outcomes))
        loss = value_loss - (batch.policy * log_policy).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def milliseconds(work: Callable[[int], Any]) -> float:
    """What a call takes the device on average, behind calls that prepare it."""
    for i in range(10):
        work(i)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for i in range(STEPS_ON_DEVICE):
        work(i)
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / STEPS_ON_DEVICE * 1000


def step_milliseconds(module: PylosModule, batch: Batch) -> float:
    """A step without Lightning and without a draw."""
    network = module.to(batch.outcomes.device).network
    optimizer = module.configure_optimizers()["optimizer"]
    step = CapturedStep(network, optimizer, 1.0, lambda: clip_grad_norm_(network.parameters(), 1.0))
    return milliseconds(lambda i: step(batch))


def on_device(buffer: ReplayBuffer, device: torch.device) -> None:
    """Prints what a step takes on a CUDA device."""
    weights = SURPRISE_WEIGHT, 0.5
    batches = EpochBatches(buffer, STEPS_ON_DEVICE, BATCH_ON_DEVICE, RULE_SET, 0, *weights, device)
    batch = Batch(*(part.to(device) for part in buffer.batch(BATCH_ON_DEVICE, RULE_SET, 0)))
    print(
        f"{torch.cuda.get_device_name()}, batches drawn on {'it' if batches.drawn_on_device else 'the host'}"
    )
    if batches.drawn_on_device:
        drawing = buffer.on_device(device)
        drawing.begin(BATCH_ON_DEVICE, RULE_SET, *weights)
        print(f"the draw alone: {milliseconds(drawing.draw):.3f} ms a batch of {BATCH_ON_DEVICE}", flush=True)
    for width, blocks in SIZES_ON_DEVICE:
        alone = step_milliseconds(PylosModule(width=width, blocks=blocks), batch)
        print(f"{width} x {blocks}, the step alone: {alone:.2f} ms", flush=True)
        for name, callbacks in {"in one launch": (), "kernel by kernel": (KernelByKernel(),)}.items():
            module = PylosModule(width=width, blocks=blocks)
            seconds = lightning_seconds(module, batches, 3, *callbacks)
            print(f"{width} x {blocks}, {name}: {seconds / STEPS_ON_DEVICE * 1000:.2f} ms a step", flush=True)


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    buffer = filled_buffer()
    if torch.cuda.is_available():
        on_device(buffer, torch.device("cuda"))
        return
    batches = [buffer.batch(BATCH, RULE_SET, i) for i in range(8)]
    epoch = EpochBatches(buffer, STEPS, BATCH, RULE_SET, 0, SURPRISE_WEIGHT)
    for width in (128, 256):
        module = PylosModule(width=width)
        lightning_seconds(module, epoch)
        pairs = [(bare_seconds(module, batches), lightning_seconds(module, epoch)) for _ in range(ROUNDS)]
        bare, ours = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        print(
            f"width {width}: {STEPS / ours:.1f} steps/s of {BATCH} samples, bare {STEPS / bare:.1f}, "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
