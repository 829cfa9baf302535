"""Kernels compiled for a device without one: what the compiler says about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

HOPPER = 9, 0
"""The compute capability of an H100."""


class Compiled(NamedTuple):
    """What the assembler says about a kernel."""

    registers: int
    """Of a thread."""
    spilled: int
    """Bytes that a thread writes to memory because registers do not suffice."""
    code: str
    """The kernel in PTX."""


def compiled(kernel: Any, arguments: Sequence[Any]) -> Compiled:
    """Compiles a kernel for an H100; skips the test without the compiler.

    Args:
        kernel: made by `pylos.search.cuda.device.kernel`.
        arguments: of its types, on the host.
    """
    pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: pip install 'pylos[gpu]'")
    import numba
    from cuda.core import Linker, LinkerOptions, ObjectCode
    from cuda.pathfinder import DynamicLibNotFoundError
    from numba import cuda
    from numba.cuda.cudadrv.error import NvvmSupportError

    # Functions of the host that a kernel calls are compiled for the device that is there.
    device = SimpleNamespace(compute_capability=HOPPER)
    with patch("numba.cuda.dispatcher.get_current_device", lambda: device):
        types = tuple(map(numba.typeof, arguments))
        try:
            code, _ = cuda.compile_ptx(kernel.py_func, types, cc=HOPPER)
        except (NvvmSupportError, DynamicLibNotFoundError) as error:
            pytest.skip(f"a library of CUDA is missing: pip install 'pylos[gpu]' ({error})")
    linker = Linker(
        ObjectCode.from_ptx(code.encode()), options=LinkerOptions(arch="sm_90", ptxas_options=["-v"])
    )
    linker.link("cubin")
    log = linker.get_info_log()
    spilled = sum(int(size) for size in re.findall(r"(\d+) bytes spill", log))
    [registers] = re.findall(r"Used (\d+) registers", log)
    return Compiled(int(registers), spilled, code)
