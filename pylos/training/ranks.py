"""What several processes that train together tell each other, and how they divide what others have left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pylos.selfplay.replay_buffer import deal_samples


def gather(value: Any) -> list[Any]:
    """The values of all ranks, by rank, on the first one; an empty list on the others. Call it on all ranks."""
    if not torch.distributed.is_initialized():
        return [value]
    first = torch.distributed.get_rank() == 0
    values: list[Any] = [None] * torch.distributed.get_world_size() if first else []
    torch.distributed.gather_object(value, values if first else None)
    return values


def state_of_rank(states: Sequence[dict[str, Any]], rank: int, ranks: int) -> dict[str, Any]:
    """The state of self-play with which a rank goes on.

    If the number of ranks has changed, the samples are dealt anew. New ranks have no games in flight, and those of
    ranks that are gone are dropped.

    Args:
        states: those that a checkpoint holds, by rank.
        rank: the number of the rank.
        ranks: how many there are now.
    """
    state = states[rank] if rank < len(states) else {**states[0], "games": None}
    if len(states) != ranks:
        state = {**state, "buffer": deal_samples([other["buffer"] for other in states], rank, ranks)}
    return state
