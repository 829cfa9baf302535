"""The batches of an epoch: a state from within an epoch goes on with the next batch, and no thread is left behind."""

import threading

import numpy as np
import pytest
import torch

from pylos.errors import CheckpointError
from pylos.game.position import START
from pylos.game.rules import RULES
from pylos.selfplay.batches import EpochBatches
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer


def _batches(count: int = 5, value_mix: float = 0.5, key: int = 0) -> EpochBatches:
    buffer = ReplayBuffer(20, 2)
    buffer.samples.positions[:] = START
    buffer.samples.weights[:] = 1
    buffer.samples.actions[:, 1] = 1
    buffer.samples.outcomes[:] = np.arange(20)
    buffer.added = 20
    return EpochBatches(buffer, count, 4, RULES["standard"], key=key, value_mix=value_mix)


def _equal(left: list[Batch], right: list[Batch]) -> bool:
    pairs = zip(left, right, strict=True)
    return all(torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))


def test_every_iteration_yields_the_same_batches_and_no_batch_twice():
    batches = _batches()
    first = list(batches)
    assert len(first) == len(batches) == 5
    assert _equal(first, list(batches))
    assert len({batch.outcomes.numpy().tobytes() for batch in first}) == 5
    assert not _equal(first, list(_batches(key=1)))


def test_no_batch_is_drawn_beyond_the_epoch(monkeypatch):
    drawn, draw = [], ReplayBuffer.batch
    monkeypatch.setattr(ReplayBuffer, "batch", lambda *given: drawn.append(given) or draw(*given))
    assert len(list(_batches())) == len(drawn) == 5


@pytest.mark.parametrize("yielded", [0, 1, 3, 5])
def test_a_state_goes_on_behind_the_last_batch_that_was_yielded(yielded):
    halted, whole = _batches(), list(_batches())
    iterator = iter(halted)
    before = [next(iterator) for _ in range(yielded)]
    # The schedule of the learning rate has another value by now, but the one from the epoch's beginning counts.
    resumed = _batches(value_mix=0.0)
    resumed.load_state_dict(halted.state_dict())
    assert resumed.state_dict() == halted.state_dict()
    for _ in range(3):
        iter(resumed)  # Lightning makes iterators that it never uses
    assert _equal(before + list(resumed), whole)
    assert _equal(list(resumed), whole)  # a further iteration begins at the beginning


@pytest.mark.parametrize(
    "state",
    [None, {}, {"batch": 2}, {"batch": -1, "value_mix": 0.0}, {"batch": 1, "value_mix": float("nan")}],
)
def test_a_senseless_state_is_refused(state):
    with pytest.raises(CheckpointError, match="state of the training batches"):
        _batches().load_state_dict(state)


def test_batches_left_early_leave_no_thread_behind():
    before = threading.active_count()
    batches = iter(_batches())
    next(batches)
    batches.close()
    assert threading.active_count() == before
