"""What a search asks about positions."""

from __future__ import annotations

from typing import Protocol

import numpy as np

BATCH_MULTIPLE = 8
"""Batches have a multiple of this size; smaller ones are computed by other means, with other rounding."""


class Evaluator(Protocol):
    """What a search asks about its leaves: the network, or random playouts."""

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates positions.

        Args:
            positions: int64 [B] packed positions, B a multiple of ``BATCH_MULTIPLE``.

        Returns:
            Values for the players to move, float32 [B], and log policies, float32 [B, 303].
        """


def padded_size(count: int) -> int:
    """The size of the batch in which so many positions are judged."""
    return -(-count // BATCH_MULTIPLE) * BATCH_MULTIPLE
