"""The layers of `PylosNetwork` without patterns for numpy and jax.numpy, with random weights: 0.67 million numbers."""

from __future__ import annotations

from types import ModuleType
from typing import Any

WIDTH, BLOCKS, ACTIONS = 256, 4, 303


def weights(inputs: int) -> list[Any]:
    """Matrices and biases in the order in which `forward` uses them."""
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = [(inputs, WIDTH), *[(WIDTH, WIDTH)] * (2 * BLOCKS), (WIDTH, ACTIONS), (WIDTH, 64), (64, 3)]
    return [
        ((rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32), np.zeros(shape[1], np.float32))
        for shape in shapes
    ]


def forward(xp: ModuleType, layers: list[Any], x: Any) -> tuple[Any, Any]:
    """Values [B] and logits [B, 303] of observations [B, inputs]; `xp` is numpy or jax.numpy."""

    def linear(i: int, x: Any) -> Any:
        return x @ layers[i][0] + layers[i][1]

    def norm(x: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        return centred / xp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)

    x = xp.maximum(linear(0, x), 0)
    for block in range(BLOCKS):
        x = x + linear(2 + 2 * block, xp.maximum(linear(1 + 2 * block, norm(x)), 0) ** 2)
    x = norm(x)
    outcomes = linear(-1, xp.maximum(linear(-2, x), 0))
    chances = xp.exp(outcomes - outcomes.max(-1, keepdims=True))
    return (chances[..., 0] - chances[..., 2]) / chances.sum(-1), linear(-3, x)
