"""What several processes that train together tell each other."""

from __future__ import annotations

from typing import Any

import torch


def gather(value: Any) -> list[Any]:
    """The values of all ranks, by rank, on the first one; an empty list on the others. Call it on all ranks."""
    if not torch.distributed.is_initialized():
        return [value]
    first = torch.distributed.get_rank() == 0
    values: list[Any] = [None] * torch.distributed.get_world_size() if first else []
    torch.distributed.gather_object(value, values if first else None)
    return values
