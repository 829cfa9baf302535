"""Tables of values, four to a byte, taken apart and put together in plain NumPy."""

from __future__ import annotations

import numpy as np


def unpacked(table: np.ndarray) -> np.ndarray:
    """The values of a table, one by one; the last ones may belong to no position."""
    numbers = np.arange(4 * len(table))
    return table[numbers >> 2] >> 2 * (numbers & 3) & 3


def packed(values: np.ndarray) -> np.ndarray:
    """A table of these values."""
    fours = np.append(values, np.zeros(-len(values) % 4, values.dtype)).astype(np.uint8).reshape(-1, 4)
    return (fours << np.array([0, 2, 4, 6], np.uint8)).sum(1, np.uint8)
