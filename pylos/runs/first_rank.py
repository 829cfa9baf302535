"""What the first rank finds on its disk, for all ranks: on several machines the others may not have its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from pylos.errors import CheckpointError
from pylos.system.files import StrPath

T = TypeVar("T")


def of_first_rank(work: Callable[[], T]) -> T:
    """What a function returns on the first rank; it is not called on the others. Call this on all ranks.

    Raises:
        Exception: what the function raised on the first rank; CheckpointError with its text on the others.
    """
    distributed = _distributed()
    if distributed is None:
        return work()
    found: list[Any] = [None, ""]
    failure: Exception | None = None
    if distributed.get_rank() == 0:
        try:
            found[0] = work()
        except Exception as error:
            failure, found[1] = error, str(error) or type(error).__name__
    distributed.broadcast_object_list(found)
    if failure is not None:
        raise failure
    if found[1]:
        raise CheckpointError(found[1])
    value: T = found[0]
    return value


def all_see_the_same(path: StrPath) -> bool:
    """Whether all ranks find the same file under a path, by its number, size and time. Call it on all ranks."""
    distributed = _distributed()
    if distributed is None:
        return True
    try:
        status = os.stat(path)
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
    except OSError:
        seen = None
    of_all: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(of_all, seen)
    return None not in of_all and len(set(of_all)) == 1


def _distributed() -> Any:
    """`torch.distributed` where several ranks have met, otherwise None."""
    import torch

    return torch.distributed if torch.distributed.is_initialized() else None
