"""Whether there is memory for what options ask for: a sentence instead of a traceback, or of a killed process."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pylos.errors import ConfigurationError


def total_memory() -> float:
    """The memory in bytes that this machine, or the container, has; infinite where that cannot be found out."""
    limits = [math.inf]
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # "max" where there is no limit
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


@contextmanager
def room_for(what: str, needed: float, advice: str) -> Iterator[None]:
    """Allocates inside the block.

    Args:
        what: is allocated.
        needed: bytes of it.
        advice: what to do where they cannot be had.

    Raises:
        ConfigurationError: they cannot, or are more than there is at all: the system would promise them all the same,
            and kill us when we use them.
    """
    available = total_memory()
    try:
        if needed > available:
            raise MemoryError
        yield
    except MemoryError:
        raise ConfigurationError(
            f"no memory for {what} of {needed / 1e9:,.1f} GB (this machine has {available / 1e9:,.1f} GB): {advice}"
        ) from None
