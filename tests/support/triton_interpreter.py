"""A process in which Triton interprets its kernels on the CPU, so that they are tested on any machine."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pytest

P = ParamSpec("P")
T = TypeVar("T")

NO_TRITON = "Triton is not installed: pip install triton"


def interpreted(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a function in a process whose Triton interprets; skips the test without Triton.

    All tests share the process.

    Args:
        function: of a file in `tests/support/`, which the process imports. Its result is sent back, so it is
            plain data.
        args: of the function.
        kwargs: of the function.
    """
    pytest.importorskip("triton", reason=NO_TRITON)
    return _process().submit(function, *args, **kwargs).result()


@functools.cache
def _process() -> ProcessPoolExecutor:
    # Whether Triton interprets is decided by the environment when a kernel is defined.
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _choose_interpreter)


def _choose_interpreter() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    import triton.language as tl
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

    cast, dot = InterpreterBuilder.cast_impl, InterpreterBuilder.create_dot

    def cast_impl(self: Any, source: Any, kind: Any) -> Any:
        """Rounds to the nearest bfloat16, as devices do; the interpreter cuts off."""
        if (source.dtype.scalar, kind.scalar) != (tl.float32, tl.bfloat16):
            return cast(self, source, kind)
        bits = source.data.astype(np.float32).view(np.uint32)
        rounded = (bits + (bits >> 16 & 1) + 0x7FFF) >> 16
        return TensorHandle(rounded.astype(np.uint16), tl.bfloat16)

    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        """Multiplies bfloat16 numbers; the interpreter takes their bits for integers."""
        wide = [cast(self, x, tl.float32) if x.dtype.scalar == tl.bfloat16 else x for x in (a, b)]
        return dot(self, *wide, *rest)

    InterpreterBuilder.cast_impl, InterpreterBuilder.create_dot = cast_impl, create_dot
