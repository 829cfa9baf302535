"""The samples of a replay buffer in the memory of a CUDA device, and batches drawn there: those of the host."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import cuda

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS
from pylos.kernels.launch import Launch
from pylos.search.cuda.device import as_array, kernel, launch, zeros
from pylos.selfplay.replay_buffer import BatchInPlace, ReplayBuffer, Samples, fill_row

_NOT_READ = ("games", "plies")
"""Arrays of samples that batches do without."""


class Request(NamedTuple):
    """What batch is wanted, in the device's memory: as tensors, or as arrays."""

    key: Any
    """int64 [1] names the batch's random draws."""
    size: Any
    """int64 [1] the number of samples to draw from."""
    weights: Any
    """float64 [2] `surprise_weight` and `value_mix`, see `ReplayBuffer.batch`."""


@kernel
def fill_rows(samples: Samples, request: Request, batch: Any, code: int) -> None:
    """A thread draws a row, see `fill_row`."""
    b = cuda.grid(1)
    if b < batch.outcomes.shape[0]:
        fill_row(
            samples,
            request.size[0],
            code,
            request.weights[0],
            request.weights[1],
            request.key[0],
            b,
            batch.observations,
            batch.policy,
            batch.legal,
            batch.outcomes,
            cuda.local.array(MAX_LEGAL_ACTIONS, np.int64),
        )


class DeviceBuffer:
    """A copy of a buffer's samples on a device. Batches are drawn there, with the bits of `ReplayBuffer.batch`.

    Args:
        buffer: whose samples.
        device: the CUDA device.
    """

    def __init__(self, buffer: ReplayBuffer, device: torch.device) -> None:
        self._buffer, self.device = buffer, device
        columns: list[Any] = [
            zeros((1,) if name in _NOT_READ else array.shape, array.dtype, device)
            for name, array in buffer.samples._asdict().items()
        ]
        self._samples = Samples(*columns)
        self._request = Request(
            *(zeros(n, kind, device) for n, kind in ((1, np.int64), (1, np.int64), (2, np.float64)))
        )
        self._copied = 0, 0
        self._batch: BatchInPlace | None = None
        self._code = -1
        self._launch: Launch[None] | None = None

    def begin(self, size: int, code: int, surprise_weight: float, value_mix: float) -> None:
        """Copies the samples that are new, and notes what batches are drawn from now on: see `ReplayBuffer.batch`."""
        self._copy_new()
        self._request.size.fill_(len(self._buffer))
        self._request.weights.copy_(torch.tensor([surprise_weight, value_mix], dtype=torch.float64))
        if self._batch is None or (len(self._batch.outcomes), self._code) != (size, code):
            self._batch = BatchInPlace(
                zeros((size, OBSERVATION_SIZE), np.float32, self.device),
                zeros((size, NUM_ACTIONS), np.float32, self.device),
                zeros((size, NUM_ACTIONS), np.bool_, self.device),
                zeros((size, 1), np.float32, self.device),
            )
            self._code = code
            self._launch = Launch(self._enqueue, self.device)

    def draw(self, key: int) -> BatchInPlace:
        """Draws the batch of a key. The next draw overwrites its tensors; the device need not be done with it yet."""
        assert self._batch is not None, "begin first"
        assert self._launch is not None
        self._request.key.fill_(key)
        self._launch()
        return self._batch

    def _enqueue(self) -> None:
        assert self._batch is not None
        self._batch.policy.zero_()
        self._batch.legal.zero_()
        arrays = (type(part)(*map(as_array, part)) for part in (self._samples, self._request, self._batch))
        launch(fill_rows, len(self._batch.outcomes), *arrays, self._code)

    def _copy_new(self) -> None:
        """Copies the rows that were written since the last time; all of them if the buffer has begun anew."""
        filling, added = self._copied
        new = self._buffer.added - added if filling == self._buffer.fillings else self._buffer.added
        new = min(new, len(self._buffer))
        first = (self._buffer.added - new) % self._buffer.capacity
        for start, end in ((first, first + new), (0, first + new - self._buffer.capacity)):
            rows = slice(start, min(end, self._buffer.capacity))
            if end <= start:
                continue
            for name, array in self._buffer.samples._asdict().items():
                if name not in _NOT_READ:
                    getattr(self._samples, name)[rows].copy_(torch.from_numpy(array[rows]))
        self._copied = self._buffer.fillings, self._buffer.added
