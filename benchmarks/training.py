"""Training: optimizer steps/s with batches from a full buffer, and what drawing the batches takes of it."""

from __future__ import annotations

import time

import numpy as np
import torch

from pylos.module import PylosModule
from pylos.playouts import random_action
from pylos.randomness import draw
from pylos.replay import ReplayBuffer
from pylos.rules import RULES, START, is_over, step

RULE_SET = RULES["standard"]
CAPACITY, WIDTH, BATCH, STEPS = 100_000, 32, 512, 100


def filled_buffer() -> ReplayBuffer:
    """Positions of random games, each with one visited action."""
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
    buffer.samples.visits[:, 0] = 1
    buffer.samples.outcomes[:] = np.where(np.arange(CAPACITY) % 2, 1, -1)
    buffer.added = CAPACITY
    return buffer


def main() -> None:
    buffer = filled_buffer()
    module = PylosModule()
    module.log_dict = lambda *_, **__: None  # type: ignore[method-assign]  # only for this object
    optimizer = module.configure_optimizers()["optimizer"]
    buffer.batch(BATCH, RULE_SET, 0)
    drawing = 0.0
    start = time.perf_counter()
    for i in range(STEPS):
        before = time.perf_counter()
        batch = buffer.batch(BATCH, RULE_SET, i)
        drawing += time.perf_counter() - before
        optimizer.zero_grad()
        module._losses(batch, "train")["loss"].backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
    seconds = time.perf_counter() - start
    print(
        f"{STEPS / seconds:.1f} steps/s of {BATCH} samples; drawing them took {drawing / seconds:.1%} of the time"
    )


if __name__ == "__main__":
    main()
