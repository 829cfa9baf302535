"""A process in which numba simulates a CUDA device, so that kernels for it are tested on any machine."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

import pytest

P = ParamSpec("P")
T = TypeVar("T")


def simulated(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a function in a process whose `numba.cuda` is the simulator; skips the test without numba-cuda.

    All tests share the process. Kernels run as Python there, a thread of Python for each thread of theirs, and call
    compiled functions: some milliseconds for every game and kernel. The simulator wraps the arrays that a kernel gets
    as arguments, and compiled functions do not take these; arrays in named tuples stay as they are.

    Args:
        function: of a file in `tests/support/`, which the process imports. Its result is sent back, so it is
            plain data.
        args: of the function.
        kwargs: of the function.
    """
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")
    return _process().submit(function, *args, **kwargs).result()


@functools.cache
def _process() -> ProcessPoolExecutor:
    # Whether numba simulates is decided by the environment when it is imported: a fresh interpreter, not a fork.
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _choose_simulator)


def _choose_simulator() -> None:
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"
