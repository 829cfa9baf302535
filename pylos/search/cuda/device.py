"""Between torch and numba-cuda: memory of a device that both see, and kernels on torch's streams."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from numba import cuda

from pylos.search.cuda.available import SIMULATED
from pylos.system.output import print_stderr

THREADS = 32
"""Threads of a block. A block is one warp, so that even a few thousand games reach every multiprocessor."""

# Blocks of one warp are meant to be small. numba would warn of it in every process.
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0


def kernel(function: Callable[..., None]) -> Any:
    """Makes a CUDA kernel of a function, which may call functions made by `jit` and `inlined`.

    Every process compiles it anew, which takes seconds for all kernels of a search. numba-cuda's own cache on disk
    would go on with old code where a function that the kernel calls has changed in another file.
    """
    return cuda.jit(function)


def launch(kernel: Any, threads: int, *args: Any) -> None:
    """Puts a kernel on torch's current stream, with at least this number of threads."""
    if not SIMULATED and not kernel.overloads:
        _say_compiling()
    stream = 0 if SIMULATED else cuda.external_stream(torch.cuda.current_stream().cuda_stream)
    kernel[-(-threads // THREADS), THREADS, stream](*args)


@functools.cache
def _say_compiling() -> None:
    """Says once per process that kernels are being compiled, so that the wait is not silent."""
    print_stderr("pylos: compiling kernels for the GPU, as every process does (under a minute) ...")


def zeros(
    shape: int | tuple[int, ...], dtype: npt.DTypeLike, device: torch.device, *, by_column: bool = False
) -> torch.Tensor:
    """A tensor of zeros in the memory of a device.

    Args:
        shape: of the tensor.
        dtype: NumPy's name of the type.
        device: which one.
        by_column: whether the elements of a column, not of a row, lie side by side.
    """
    kind = torch.from_numpy(np.zeros(0, dtype)).dtype
    # Lightning tests in inference mode. Tensors made in it could not be written to outside.
    with torch.inference_mode(False):
        if by_column and isinstance(shape, tuple):
            return torch.zeros(shape[::-1], dtype=kind, device=device).t()
        return torch.zeros(shape, dtype=kind, device=device)


def as_array(tensor: torch.Tensor) -> Any:
    """The same memory as an array for kernels; it keeps the memory alive."""
    # No waiting for the tensor's stream, which a capture does not allow: `launch` is on the same stream.
    return tensor.numpy() if SIMULATED else cuda.as_cuda_array(tensor, sync=False)


class Stopwatch:
    """Measures the work between `start` and `stop` on torch's current stream, by the clock of the device."""

    def __init__(self) -> None:
        self._events = [] if SIMULATED else [_event(), _event()]
        self._times = [0.0, 0.0]

    def start(self) -> None:
        """Begins: what is put on the stream from now on counts."""
        self._mark(0)

    def stop(self) -> None:
        """Ends."""
        self._mark(1)

    def seconds(self) -> float:
        """The seconds between the two. Ask when the device is done with the work."""
        if self._events:
            milliseconds: float = self._events[0].elapsed_time(self._events[1])
            return milliseconds / 1000
        return self._times[1] - self._times[0]

    def _mark(self, end: int) -> None:
        if self._events:
            self._events[end].record()
        self._times[end] = time.perf_counter()


def _event() -> Any:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
