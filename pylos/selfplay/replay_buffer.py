"""The replay buffer: keeps the samples of self-play in compact form, and draws training batches from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pylos.errors import ConfigurationError
from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions
from pylos.kernels.jit import inlined, jit
from pylos.kernels.randomness import draw, draw_below, draw_uniform
from pylos.kernels.rounding import product
from pylos.system.machine import memory_for

if TYPE_CHECKING:
    from pylos.selfplay.cuda.device_buffer import DeviceBuffer


class Samples(NamedTuple):
    """The arrays of training samples. C is their number, K the most actions to which a search gives a weight."""

    positions: np.ndarray
    """int64 [C] packed positions."""
    actions: np.ndarray
    """int16 [C, K] the actions to which the search gave a weight, 0 behind the last one."""
    weights: np.ndarray
    """int16 [C, K] their weights, 0 behind the last one."""
    outcomes: np.ndarray
    """float32 [C] the game's outcome for the player to move."""
    games: np.ndarray
    """int64 [C] the number of the game; the samples of a game follow each other."""
    plies: np.ndarray
    """int16 [C] the number of actions played in the game before; its random opening, or the game from which it was
    forked, included."""
    values: np.ndarray
    """float32 [C] the value that the search found, for the player to move."""
    surprises: np.ndarray
    """float32 [C] how far the search's result is from its prior, divided by the mean over all games that were searched
    at the same time (so it is always 1 if there is only one game)."""


class Batch(NamedTuple):
    """The input of a training step."""

    observations: Tensor
    """float32 [B, 184]."""
    policy: Tensor
    """float32 [B, 303] the target of the policy: the search's weights, normalised."""
    legal: Tensor
    """bool [B, 303] the legal actions."""
    outcomes: Tensor
    """float32 [B, 1] the target of the value."""


class BatchInPlace(Batch):
    """A batch where the next one will be, too: its tensors stay where they are, and are overwritten."""


_MOST_SURPRISE = 7.0
"""The greatest surprise that counts; a greater one counts as this."""
_MOST_ATTEMPTS = 1000
"""The mean surprise is about 1, so about one attempt in seven succeeds. All fail only if no sample has a chance."""


@inlined
def _draw_sample(surprises: np.ndarray, size: int, weight: float, key: int) -> int:
    """Draws a row by rejection, in proportion to `1 - weight + weight * surprise`; any row if all of these are 0."""
    most, attempt = 1 - weight + product(weight, _MOST_SURPRISE), 0
    while True:
        i = draw_below(key, 2 * attempt, size)
        wanted = 1 - weight + product(weight, min(np.float64(surprises[i]), _MOST_SURPRISE))
        if draw_uniform(key, 2 * attempt + 1) * most <= wanted or attempt == _MOST_ATTEMPTS:
            return i
        attempt += 1


@inlined
def fill_row(
    samples: Samples,
    size: int,
    code: int,
    weight: float,
    mix: float,
    key: int,
    b: int,
    observations: np.ndarray,
    policy: np.ndarray,
    legal: np.ndarray,
    outcomes: np.ndarray,
    scratch: np.ndarray,
) -> None:
    """Draws a sample and writes it as row b of a batch. A CUDA device draws by this function, too.

    Args:
        samples: the buffer's arrays; games and plies are not read.
        size: the number of samples to draw from.
        code: the rule set's number.
        weight: see `ReplayBuffer.batch`, `surprise_weight`.
        mix: see `ReplayBuffer.batch`, `value_mix`.
        key: names the batch's random draws.
        b: the row.
        observations: float32 [B, 184] receives the observation.
        policy: float32 [B, 303], zeros in row b, receives the target of the policy.
        legal: bool [B, 303], zeros in row b, receives the legal actions.
        outcomes: float32 [B, 1] receives the target of the value.
        scratch: int64 [MAX_LEGAL_ACTIONS] for the function's own use.
    """
    i = _draw_sample(samples.surprises, size, weight, draw(key, b))
    position = samples.positions[i]
    observe(position, code, observations[b])
    outcomes[b, 0] = product(1 - mix, samples.outcomes[i]) + product(mix, samples.values[i])
    for k in range(legal_actions(position, code, scratch)):
        legal[b, scratch[k]] = True
    total = np.float32(0.0)
    for k in range(samples.weights.shape[1]):
        total += samples.weights[i, k]
    for k in range(samples.weights.shape[1]):
        if samples.weights[i, k]:
            policy[b, samples.actions[i, k]] = samples.weights[i, k] / total


@jit
def _fill_batch(
    samples: Samples,
    size: int,
    code: int,
    weight: float,
    mix: float,
    key: int,
    observations: np.ndarray,
    policy: np.ndarray,
    legal: np.ndarray,
    outcomes: np.ndarray,
) -> None:
    """Draws samples with replacement and writes them as the rows of a batch.

    The network is symmetric, so no sample is turned.
    """
    scratch = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for b in range(outcomes.shape[0]):
        fill_row(samples, size, code, weight, mix, key, b, observations, policy, legal, outcomes, scratch)


class ReplayBuffer:
    """The newest `capacity` samples, in arrays that are allocated once.

    Args:
        capacity: how many samples to keep; older ones are overwritten.
        width: K, the most actions to which the search of a sample can have given a weight.
        advice: what an error message says to do if there is too little memory; by default to lower `buffer_size`.

    Raises:
        ConfigurationError: there is too little memory.
    """

    def __init__(self, capacity: int, width: int, advice: str = "") -> None:
        if capacity < 1:
            raise ConfigurationError(f"buffer_size must be at least 1, got {capacity}")
        with memory_for(
            "a replay buffer", capacity * (30 + 4 * width), advice or f"lower buffer_size ({capacity:,})"
        ):
            self.samples = Samples(
                np.zeros(capacity, np.int64),
                np.zeros((capacity, width), np.int16),
                np.zeros((capacity, width), np.int16),
                np.zeros(capacity, np.float32),
                np.zeros(capacity, np.int64),
                np.zeros(capacity, np.int16),
                np.zeros(capacity, np.float32),
                np.zeros(capacity, np.float32),
            )
        self.added = 0
        """Samples added since the buffer last grew; sample number n lies in row n modulo capacity."""
        self.fillings = 0
        """How often the buffer was filled with others than those that are added one by one."""
        self._on_device: DeviceBuffer | None = None

    @property
    def capacity(self) -> int:
        """The number of samples for which there is room."""
        return len(self.samples.positions)

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def clear(self) -> None:
        """Forgets all samples."""
        self.added = 0
        self.fillings += 1

    def check_filled(self) -> None:
        """Refuses to draw from an empty buffer.

        Raises:
            ConfigurationError: the buffer is empty.
        """
        if not len(self):
            raise ConfigurationError("the replay buffer is empty: there are no samples to draw batches from")

    def newest(self, count: int) -> np.ndarray:
        """The rows of the newest `count` samples, the oldest first; all rows if there are fewer samples."""
        return np.arange(self.added - min(count, len(self)), self.added) % self.capacity

    def batch(
        self, size: int, code: int, key: int, surprise_weight: float = 0.0, value_mix: float = 0.0
    ) -> Batch:
        """Draws a batch; the same key draws the same batch from the same samples.

        Args:
            size: B, the number of samples.
            code: the rule set's number.
            key: names the random draws.
            surprise_weight: from 0, where all samples are equally likely, to 1, where a sample is drawn in proportion
                to its surprise (Wu, 2020, "Other methods implemented in KataGo: policy surprise weighting": 0.5).
            value_mix: weight of the search's value in the target of the value; the rest is the outcome of the game.

        Returns:
            The batch; its tensors are its own.

        Raises:
            ConfigurationError: the buffer is empty.
        """
        self.check_filled()
        observations = np.empty((size, OBSERVATION_SIZE), np.float32)
        policy = np.zeros((size, NUM_ACTIONS), np.float32)
        legal = np.zeros((size, NUM_ACTIONS), np.bool_)
        outcomes = np.empty((size, 1), np.float32)
        arrays = observations, policy, legal, outcomes
        _fill_batch(self.samples, len(self), code, surprise_weight, value_mix, key, *arrays)
        return Batch(*(torch.from_numpy(array) for array in arrays))

    def on_device(self, device: torch.device) -> DeviceBuffer:
        """A copy of the samples in the memory of a CUDA device, made at the first call. Batches can be drawn there."""
        from pylos.selfplay.cuda.device_buffer import DeviceBuffer  # needs numba-cuda

        if self._on_device is None or self._on_device.device != device:
            self._on_device = DeviceBuffer(self, device)
        return self._on_device

    def state_dict(self) -> dict[str, Any]:
        """The samples in use as tensors, and the number of samples ever added."""
        used = len(self)
        arrays = {name: torch.from_numpy(a[:used]) for name, a in self.samples._asdict().items()}
        return {"added": self.added, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the samples of a `state_dict`, or the newest that fit if that buffer had another capacity.

        Raises:
            ConfigurationError: the samples hold more actions than there is room for.
        """
        stored = {name: state[name].numpy() for name in Samples._fields}
        size, width = stored["actions"].shape
        if width > self.samples.actions.shape[1]:
            raise ConfigurationError(
                f"the checkpoint's samples hold up to {width} actions, this run's "
                f"{self.samples.actions.shape[1]}: resume with as many simulations as before"
            )
        self.fillings += 1
        added, kept = int(state["added"]), min(size, self.capacity)
        newest = np.arange(added - kept, added)
        # There may be more room than before, but no older samples to fill it. Then the samples are counted anew.
        self.added = kept if kept < min(added, self.capacity) else added
        rows = (newest - added + self.added) % self.capacity
        for name, array in self.samples._asdict().items():
            source = stored[name][newest % size] if size else stored[name]
            if array.ndim == 2:
                array[rows, :width] = source
                array[rows, width:] = 0
            else:
                array[rows] = source


def deal_samples(states: Sequence[dict[str, Any]], rank: int, ranks: int) -> dict[str, Any]:
    """Deals the samples of several buffers out to another number of buffers.

    Args:
        states: what `ReplayBuffer.state_dict` saved on every rank.
        rank: which of the new buffers is wanted.
        ranks: the number of new buffers.

    Returns:
        A state for `ReplayBuffer.load_state_dict`: every `ranks`-th sample, the oldest first.
    """
    sizes = [len(state["positions"]) for state in states]
    # Row n modulo size holds sample n, so the oldest sample lies in the row that is overwritten next.
    in_order = [
        torch.roll(torch.arange(size), -(state["added"] % size)) if size else torch.arange(0)
        for size, state in zip(sizes, states, strict=True)
    ]
    age = torch.cat([torch.arange(size, 0, -1) for size in sizes])
    chosen = torch.argsort(age, descending=True, stable=True)[rank::ranks]
    arrays = {
        name: torch.cat([state[name][rows] for state, rows in zip(states, in_order, strict=True)])[chosen]
        for name in Samples._fields
    }
    return {"added": len(chosen), **arrays}
