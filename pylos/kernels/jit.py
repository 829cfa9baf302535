"""The one way in which this project compiles: ``@jit``, cached on disk, announced on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.core import event

from pylos.kernels.cache import KernelCache
from pylos.system.output import print_stderr

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compiles a kernel at its first call: no GIL, C-style division; this package's own are kept on disk."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    if _is_ours(function) and not numba.config.DISABLE_JIT:  # then it is the function itself
        compiled._cache = KernelCache(compiled)
    kernel: F = compiled
    return kernel


def _is_ours(function: Callable[..., Any]) -> bool:
    return function.__module__.startswith("pylos.")


class _Announcement(event.Listener):  # type: ignore[misc]  # numba has no types
    """Says once per process that kernels are being compiled, so that the wait is not silent."""

    said = False

    def on_start(self, event: Any) -> None:
        dispatcher = event.data["dispatcher"]
        if not self.said and _is_ours(dispatcher.py_func):
            self.said = True
            print_stderr("pylos: compiling kernels that were not used before (under a minute) ...")

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
