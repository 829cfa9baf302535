"""Between torch and numba-cuda: memory of a device that both see, and kernels on torch's streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import torch
from numba import cuda

from pylos.search.cuda.available import SIMULATED

THREADS = 32
"""Threads of a block. A block is one warp, so that even a few thousand games reach every multiprocessor."""

# Blocks of one warp are meant to be small. numba would warn of it in every process.
numba.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0


def kernel(function: Callable[..., None]) -> Any:
    """Makes a CUDA kernel of a function, which may call functions made by `jit` and `inlined`."""
    return cuda.jit(function)


def launch(kernel: Any, threads: int, *args: Any) -> None:
    """Puts a kernel on torch's current stream, with at least this number of threads."""
    stream = 0 if SIMULATED else cuda.external_stream(torch.cuda.current_stream().cuda_stream)
    kernel[-(-threads // THREADS), THREADS, stream](*args)


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
    if by_column and isinstance(shape, tuple):
        return torch.zeros(shape[::-1], dtype=kind, device=device).t()
    return torch.zeros(shape, dtype=kind, device=device)


def as_array(tensor: torch.Tensor) -> Any:
    """The same memory as an array for kernels; it keeps the memory alive."""
    return tensor.numpy() if SIMULATED else cuda.as_cuda_array(tensor)
