"""Whether searches can run on a device. Nothing here imports numba-cuda unless there is a CUDA device."""

from __future__ import annotations

from importlib.util import find_spec

import numba
import torch

from pylos.search.options import SearchOptions
from pylos.search.own_root import own_root

SIMULATED = bool(numba.config.ENABLE_CUDASIM)
"""Whether numba simulates a device (NUMBA_ENABLE_CUDASIM=1), for tests: its memory is then that of the CPU."""


def device_search_missing(device: torch.device | str, options: SearchOptions) -> str | None:
    """Why `DeviceSearch` cannot search on a device, as one sentence without a full stop; None where it can.

    Args:
        device: where the network computes.
        options: of the searches.
    """
    if own_root(options.root) is not None:
        return f"the root policy {options.root} is computed by NumPy, on the host"
    kind = torch.device(device).type
    if SIMULATED and kind == "cpu":
        return None
    if kind != "cuda" or torch.version.cuda is None:
        return "searches live on CUDA devices of NVIDIA alone"
    if find_spec("numba_cuda") is None:
        return "numba-cuda is not installed: pip install 'pylos[gpu]'"
    try:
        from numba import cuda
    except ImportError:
        return "numba-cuda lacks the bindings of CUDA: pip install 'pylos[gpu]'"
    if not cuda.is_available():
        return "numba-cuda finds no device that it can use: its CUDA toolkit may be newer than the driver"
    return None
