"""What a search asks about positions: the interface of an evaluator, and the sizes of its batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:  # torch takes seconds to import, and evaluators without a network need none
    import torch

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


class DeviceEvaluator(Evaluator, Protocol):
    """Judges the leaves whose observations lie in the memory of a CUDA device, too."""

    device: torch.device
    """Where it computes."""

    def enqueue(self, observations: torch.Tensor, values: torch.Tensor, log_policy: torch.Tensor) -> None:
        """Puts an evaluation on the device's current stream, and returns before it is done.

        A CUDA graph can capture it: its own memory stays where it is, and nothing waits for the host. The first
        call, which may prepare and compile, is never captured.

        Args:
            observations: float32 [G, 184] of the leaves, see `pylos.game.observation`.
            values: float32 [G] receives the values for the players to move.
            log_policy: float32 [G, 303] receives the log policies.
        """


def padded_size(count: int) -> int:
    """The size of the batch that holds `count` positions: the next multiple of `BATCH_MULTIPLE`."""
    return -(-count // BATCH_MULTIPLE) * BATCH_MULTIPLE
