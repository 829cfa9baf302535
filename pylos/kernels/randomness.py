"""Random numbers as pure functions of a key and a counter. So a resumed run draws what an unbroken one would draw.

Nothing in this package owns a generator with hidden state. A key is a number below 2^63. It is made from what names
the draws: seed, purpose, rank, game and so on. Draw number `counter` of a key, counted from 0, is this output of
SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators", section 5) with the key as
seed, without its lowest bit.
"""

from __future__ import annotations

import hashlib
from math import cos, log, pi, sqrt
from operator import index

import numpy as np

from pylos.kernels.jit import jit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)


def derive_key(*parts: int | str) -> int:
    """A key (0 <= key < 2^63) from its name, for example `derive_key(seed, "selfplay", rank)`.

    An integer of NumPy or torch names the same key as the same integer of Python.
    """
    parts = tuple(str(part) if isinstance(part, str) else int(index(part)) for part in parts)
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little") >> 1


@jit
def draw(key: int, counter: int) -> int:
    """63 random bits as a non-negative int64. They also serve as a key of their own, such as one per game or ply."""
    z = np.uint64(key) + np.uint64(counter + 1) * _GOLDEN
    z = (z ^ z >> np.uint64(30)) * _MULTIPLIER_1
    z = (z ^ z >> np.uint64(27)) * _MULTIPLIER_2
    return np.int64((z ^ z >> np.uint64(31)) >> np.uint64(1))


@jit
def draw_below(key: int, counter: int, n: int) -> int:
    """A uniform integer in [0, n), n < 2^31."""
    return (draw(key, counter) >> 31) * n >> 32


@jit
def draw_uniform(key: int, counter: int) -> float:
    """A uniform number in (0, 1)."""
    return ((draw(key, counter) >> 10) + 0.5) * 2.0**-53


@jit
def draw_gamma(key: int, counter: int, shape: float) -> tuple[float, int]:
    """A gamma variate of scale 1, and the counter after the draws that it took.

    Marsaglia and Tsang (2000), "A simple method for generating gamma variables"; for shapes below 1 see section 6.
    """
    boost = 1.0
    if shape < 1.0:
        boost = draw_uniform(key, counter) ** (1.0 / shape)
        shape += 1.0
        counter += 1
    d = shape - 1.0 / 3.0
    c = 1.0 / sqrt(9.0 * d)
    while True:
        radius = sqrt(-2.0 * log(draw_uniform(key, counter)))
        normal = radius * cos(2.0 * pi * draw_uniform(key, counter + 1))
        u = draw_uniform(key, counter + 2)
        counter += 3
        v = (1.0 + c * normal) ** 3
        if v > 0.0 and log(u) < 0.5 * normal * normal + d - d * v + d * log(v):
            return boost * d * v, counter


@jit
def draw_keys(key: int, n: int) -> np.ndarray:
    """The first n draws of a key, int64 [n]. They serve as keys for n rows."""
    keys = np.empty(n, np.int64)
    for i in range(n):
        keys[i] = draw(key, i)
    return keys
