"""Batches drawn on a device, simulated or real: what tests call there, and what they compare with the host's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pylos.game.rules import RULES
from pylos.selfplay.batches import EpochBatches
from pylos.selfplay.replay_buffer import ReplayBuffer
from tests.support.searches import running_boards

WIDTH = 8


def fill(buffer: ReplayBuffer, count: int, seed: int, rules: str) -> None:
    """Adds samples that look like those of self-play, and whose numbers are of all kinds."""
    random = np.random.default_rng(seed)
    for board in running_boards(rules, count, seed):
        row, samples = buffer.added % buffer.capacity, buffer.samples
        samples.positions[row] = board.position
        samples.actions[row] = random.permutation(303)[:WIDTH]
        samples.weights[row] = random.integers(0, 50, WIDTH) * (random.random(WIDTH) < 0.6)
        samples.weights[row, 0] += 1
        samples.outcomes[row] = random.choice([-1, -0.3, 0, 1])
        samples.values[row] = random.uniform(-1, 1)
        samples.surprises[row] = random.exponential() ** 2
        buffer.added += 1


def filled(rules: str) -> ReplayBuffer:
    """A full buffer."""
    buffer = ReplayBuffer(40, WIDTH)
    fill(buffer, 40, 0, rules)
    return buffer


def drawn(rules: str, size: int, weights: list[tuple[float, float]], device: str | None = None) -> list[Any]:
    """Batches of a buffer that is drawn from, goes on to be filled beyond its capacity, is replaced, and cleared.

    Args:
        rules: the rule set.
        size: samples per batch.
        weights: `surprise_weight` and `value_mix`; batches are drawn with all of them.
        device: which one draws; None for the host.
    """
    code, buffer, batches = RULES[rules], ReplayBuffer(40, WIDTH), []

    def draw(key: int) -> None:
        for weight in weights:
            if device is None:
                batch = buffer.batch(size, code, key, *weight)
            else:
                on_device = buffer.on_device(torch.device(device))
                on_device.begin(size, code, *weight)
                batch = on_device.draw(key)
            batches.append([part.cpu().numpy().copy() for part in batch])

    for key, count in enumerate((3, 30, 15, 0, 41, 100)):
        fill(buffer, count, key, rules)
        draw(key)
    other = ReplayBuffer(40, WIDTH)
    fill(other, buffer.added + 1, 99, rules)
    buffer.load_state_dict(other.state_dict())
    draw(7)
    buffer.clear()
    fill(buffer, 240, 100, rules)
    draw(8)
    return batches


def epoch_drawn(device: str | None = None) -> list[Any]:
    """What `EpochBatches` yields, when it goes on within an epoch."""
    buffer = filled("standard")
    batches = EpochBatches(buffer, 5, 4, RULES["standard"], 3, 0.5, 0.25, torch.device(device or "cpu"))
    batches.load_state_dict({"batch": 2, "value_mix": 0.75})
    found = [[part.cpu().numpy().copy() for part in batch] for batch in batches]
    return [batches.state_dict(), *found]
