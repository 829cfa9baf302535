"""What a search asks about positions: the interface of an evaluator, and the sizes of its batches."""

from __future__ import annotations

from typing import Protocol

import numpy as np

BATCH_MULTIPLE = 8
"""The size of every batch is a multiple of this. Smaller batches are computed by other means, with other rounding."""


class Evaluator(Protocol):
    """Judges the leaves of a search: a network, or random playouts."""

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates positions.

        Args:
            positions: int64 [B] packed positions, B a multiple of `BATCH_MULTIPLE`.

        Returns:
            Values for the players to move, float32 [B], and log policies, float32 [B, 303].
        """


def padded_size(count: int) -> int:
    """The size of the batch that holds `count` positions: the next multiple of `BATCH_MULTIPLE`."""
    return -(-count // BATCH_MULTIPLE) * BATCH_MULTIPLE
