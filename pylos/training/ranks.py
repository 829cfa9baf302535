"""What several processes that train together tell each other, and how they divide what others have left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pylos.selfplay.replay_buffer import Samples, deal_samples


def gather(value: Any) -> list[Any]:
    """The values of all ranks, by rank, on the first one; an empty list on the others. Call it on all ranks."""
    if not torch.distributed.is_initialized():
        return [value]
    first = torch.distributed.get_rank() == 0
    values: list[Any] = [None] * torch.distributed.get_world_size() if first else []
    torch.distributed.gather_object(value, values if first else None)
    return values


class States:
    """Gathers the states of self-play of all ranks on the first one, as often as a checkpoint is saved.

    Of the samples only those cross the wire that the first rank does not have yet. Once others take their place in a
    replay buffer, as those of a checkpoint, another object has to gather them.
    """

    def __init__(self) -> None:
        self._added: dict[int, int] = {}
        """Samples that the first rank knows of: there of every rank, elsewhere of this one."""
        self._buffers: dict[int, dict[str, Any]] = {}
        """On the first rank: the states of the others' replay buffers."""

    def gather(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """The states of all ranks, by rank, on the first one; an empty list on the others. Call it on all ranks.

        Args:
            state: that of this rank.
        """
        if not torch.distributed.is_initialized():
            return [state]
        rank = torch.distributed.get_rank()
        known: list[Any] = [self._added]
        torch.distributed.broadcast_object_list(known)
        if rank:
            # If only one side has forgotten what was sent, everything is sent again.
            since = self._added.get(rank, 0)
            news = new_samples(state["buffer"], since if since == known[0].get(rank) else 0)
            self._added[rank] = state["buffer"]["added"]
            return gather({**state, "buffer": news})
        states = [state, *gather(None)[1:]]
        for other, theirs in enumerate(states[1:], start=1):
            buffer = with_new_samples(self._buffers.get(other), theirs["buffer"])
            self._buffers[other], self._added[other] = buffer, buffer["added"]
            theirs["buffer"] = buffer
        return states


def new_samples(buffer: dict[str, Any], since: int) -> dict[str, Any]:
    """What `with_new_samples` needs to bring an earlier state of a replay buffer up to date.

    Args:
        buffer: its present state.
        since: how many samples had been added before; 0: there is no earlier state.
    """
    added, size = buffer["added"], len(buffer["positions"])
    whole = not added - size <= since <= added or since == 0
    rows = torch.arange(size) if whole else torch.arange(since, added) % max(size, 1)
    # Indexed copies: the state's tensors may be views of the whole buffer, which would all be sent.
    arrays = {name: buffer[name][rows] for name in Samples._fields}
    return {"added": added, "size": size, "rows": rows, **arrays}


def with_new_samples(before: dict[str, Any] | None, news: dict[str, Any]) -> dict[str, Any]:
    """The present state of a replay buffer, from an earlier one, which it overwrites, and what `new_samples` sent."""
    after: dict[str, Any] = {"added": news["added"]}
    for name in Samples._fields:
        sent = news[name]
        array = None if before is None else before[name]
        if array is None or len(array) != news["size"]:
            grown = sent.new_zeros((news["size"], *sent.shape[1:]))
            if array is not None:
                grown[: len(array)] = array[: len(grown)]
            array = grown
        array[news["rows"]] = sent
        after[name] = array
    return after


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
