"""`@jit` and `@inlined`, the ways in which this project compiles: kept on disk, announced at the first use.

CUDA kernels call the same functions: numba-cuda compiles them once more, for the device (`pylos/search/cuda/`). What
is called there keeps to what works there: `sqrt`, `exp`, `log` and `cos` of `math`, and `round`, not their likes of
NumPy; loops, not slices or methods of arrays; memory for scratch as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core import event

from pylos.kernels.cache import KernelCache
from pylos.system.output import print_stderr

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Makes a kernel of a function: compiled at its first call, it runs without the GIL.

    A division by zero gives infinity or NaN, as in NumPy. Kernels of this package are kept on disk.
    """
    return _compiled(function)


def inlined(function: F) -> F:
    """`jit` for what a kernel does for one game: the loop that calls it gets its code, not a call.

    It allocates nothing and counts no references to its arrays: what it needs, the caller keeps alive. To hand over
    and to count all arrays of a tree would cost more than the work that is done for one game.
    """
    return _compiled(function, forceinline=True, _nrt=False)


def _compiled(function: F, **options: bool) -> F:
    compiled: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if _is_ours(function) and not numba.config.DISABLE_JIT:  # disabled, it is the function itself
        compiled._cache = KernelCache(compiled)
    kernel: F = compiled
    return kernel


def _is_ours(function: Callable[..., Any]) -> bool:
    return function.__module__.startswith("pylos.")


class Announcement(event.Listener):  # type: ignore[misc]  # numba has no types
    """Says once per process that kernels are being compiled, so that the wait is not silent."""

    def __init__(self) -> None:
        self._said = False

    def on_start(self, event: Any) -> None:
        """Says it for the first kernel of this package."""
        dispatcher = event.data["dispatcher"]
        if not self._said and _is_ours(dispatcher.py_func):
            self._said = True
            print_stderr("pylos: compiling kernels that were not used before (under a minute) ...")

    def on_end(self, event: Any) -> None:
        """There is nothing to say."""


event.register("numba:compile", Announcement())
