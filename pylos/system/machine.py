"""This machine's processors, and whether it has the memory that options ask for."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pylos.errors import ConfigurationError
from pylos.system.options import natural

if TYPE_CHECKING:
    import torch


def device_name(device: torch.device) -> str:
    """The model of a CUDA device; for others the type of the device."""
    import torch  # here, because this wing is imported by commands that do without torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def processor() -> str:
    """The model of the CPU: libraries choose their kernels by it."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor()


def usable_threads() -> int:
    """The number of processors that this process may use, or what `OMP_NUM_THREADS` says, as torch has it."""
    if wanted := natural(os.environ.get("OMP_NUM_THREADS", "")):
        return wanted
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_memory() -> float:
    """The memory of this machine, or of the container, in bytes; infinite where it cannot be found out."""
    limits = [math.inf]
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # "max" where there is no limit
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


def check_memory(what: str, needed: float, advice: str) -> None:
    """Refuses an allocation that is larger than the whole memory.

    The system would grant it, and kill the process when it uses the memory.

    Args:
        what: the name of what will be allocated.
        needed: its bytes.
        advice: what the user can do if there is not enough memory.

    Raises:
        ConfigurationError: the machine has less memory.
    """
    available = total_memory()
    if needed > available:
        raise ConfigurationError(
            f"no memory for {what} of {needed / 1e9:,.1f} GB (this machine has {available / 1e9:,.1f} GB): {advice}"
        )


@contextmanager
def memory_for(what: str, needed: float, advice: str) -> Iterator[None]:
    """Surrounds an allocation; arguments and errors are those of `check_memory`."""
    check_memory(what, needed, advice)
    try:
        yield
    except MemoryError:
        raise ConfigurationError(f"no memory left for {what} of {needed / 1e9:,.1f} GB: {advice}") from None
