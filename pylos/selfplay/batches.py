"""The batches of one epoch, drawn from the replay buffer while the training works, or on the device that trains."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.kernels.randomness import derive_key
from pylos.search.cuda.available import device_search_missing
from pylos.search.options import SearchOptions
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.system.machine import check_memory
from pylos.system.options import COUNT_OR_ZERO, SHARE
from pylos.system.schema import check_state

_HOST = torch.device("cpu")
_STATE = {"batch": COUNT_OR_ZERO, "value_mix": SHARE}


class EpochBatches:
    """The batches of one epoch: an iterable with a length. Each batch has a key of its own.

    Lightning keeps its state in checkpoints, so that a checkpoint from within an epoch goes on with the next batch.

    Args:
        buffer: where the samples come from.
        batches: the number of batches.
        batch_size: samples per batch.
        code: the rule set's number.
        key: names the random draws of the epoch.
        surprise_weight: see `ReplayBuffer.batch`.
        value_mix: see `ReplayBuffer.batch`.
        device: what trains. A CUDA device draws the batches itself, if numba-cuda is there. They have the bits of those
            that the host draws, but the next one overwrites them.

    Raises:
        ConfigurationError: there is too little memory for two batches.
    """

    def __init__(
        self,
        buffer: ReplayBuffer,
        batches: int,
        batch_size: int,
        code: int,
        key: int,
        surprise_weight: float = 0.0,
        value_mix: float = 0.0,
        device: torch.device = _HOST,
    ) -> None:
        needed = 2 * batch_size * (4 * (OBSERVATION_SIZE + NUM_ACTIONS + 1) + NUM_ACTIONS)
        check_memory("two batches", needed, f"lower batch_size ({batch_size:,})")
        self._buffer, self._batches, self._batch_size = buffer, batches, batch_size
        self._code, self._key = code, key
        self._surprise_weight, self._value_mix = surprise_weight, value_mix
        self._device = device
        # The batch with which the next iteration begins, and how many of the epoch's batches have been yielded.
        self._first = self._yielded = 0

    @property
    def drawn_on_device(self) -> bool:
        """Whether the device draws the batches itself: where it can search, it can do that."""
        return device_search_missing(self._device, SearchOptions()) is None

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        # This runs when the first batch is asked for, because Lightning makes iterators that it never uses.
        first, self._first = self._first, 0
        drawn = self._from_device(first) if self.drawn_on_device else self._from_host(first)
        for i, batch in enumerate(drawn, first):
            self._yielded = i + 1
            yield batch

    def _from_host(self, first: int) -> Iterator[Batch]:
        with ThreadPoolExecutor(1) as executor:  # draws the next batch while the training works on this one
            following = executor.submit(self._draw, first)
            for i in range(first, self._batches):
                batch = following.result()
                if i + 1 < self._batches:
                    following = executor.submit(self._draw, i + 1)
                yield batch

    def _draw(self, i: int) -> Batch:
        key, weights = derive_key(self._key, i), (self._surprise_weight, self._value_mix)
        return self._buffer.batch(self._batch_size, self._code, key, *weights)

    def _from_device(self, first: int) -> Iterator[Batch]:
        self._buffer.check_filled()
        buffer = self._buffer.on_device(self._device)
        buffer.begin(self._batch_size, self._code, self._surprise_weight, self._value_mix)
        for i in range(first, self._batches):
            yield buffer.draw(derive_key(self._key, i))

    def state_dict(self) -> dict[str, Any]:
        """The number of batches yielded so far, and the `value_mix`, which the epoch keeps from its beginning."""
        return {"batch": self._yielded, "value_mix": self._value_mix}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Lets the next iteration go on behind the last batch that was yielded.

        Raises:
            CheckpointError: the state is none that `state_dict` returns.
        """
        check_state(state, _STATE, "the checkpoint's state of the training batches")
        self._first = self._yielded = state["batch"]
        self._value_mix = float(state["value_mix"])
