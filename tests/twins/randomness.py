"""Keyed random numbers in plain Python: the slow twin of `pylos.kernels.randomness`."""

from __future__ import annotations

import math


def draw(key: int, counter: int) -> int:
    """SplitMix64 without its lowest bit."""
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return (z ^ (z >> 31)) // 2


def draw_below(key: int, counter: int, n: int) -> int:
    return pick_below(draw(key, counter), n)


def pick_below(bits: int, n: int) -> int:
    """The upper 32 of 63 bits, as a fraction of 1, times n, rounded down."""
    return bits // 2**31 * n // 2**32


def draw_uniform(key: int, counter: int) -> float:
    return (draw(key, counter) // 2**10 + 0.5) / 2**53


def draw_gamma(key: int, counter: int, shape: float) -> tuple[float, int]:
    """Marsaglia and Tsang's method, and the counter after the draws it took."""
    if shape < 1:
        uniform = draw_uniform(key, counter)
        variate, counter = draw_gamma(key, counter + 1, shape + 1)
        return variate * uniform ** (1 / shape), counter
    d = shape - 1 / 3
    while True:
        u1, u2, u3 = (draw_uniform(key, counter + i) for i in range(3))
        counter += 3
        x = math.sqrt(-2 * math.log(u1)) * math.cos(2 * math.pi * u2)
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(u3) < x * x / 2 + d - d * v + d * math.log(v):
            return d * v, counter
