"""What ranks gather, and with which samples and games each goes on when their number has changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.training.ranks import States, gather, new_samples, state_of_rank, with_new_samples
from tests.support.training import assert_equal


def states(ranks: int) -> list[dict[str, Any]]:
    """Of every rank four samples, whose outcomes are its number."""
    found = []
    for rank in range(ranks):
        buffer = ReplayBuffer(4, 2)
        buffer.samples.outcomes[:] = rank
        buffer.added = 4
        found.append(
            {"buffer": buffer.state_dict(), "games": f"games of rank {rank}", "precision": "float32"}
        )
    return found


def test_a_process_of_its_own_gathers_what_it_has():
    assert gather("mine") == ["mine"]
    assert States().gather({"games": 1}) == [{"games": 1}]


def add_samples(buffer: ReplayBuffer, number: int) -> None:
    """Adds samples, each of which has its own number in all its arrays."""
    for sample in range(buffer.added, buffer.added + number):
        for array in buffer.samples:
            array[sample % buffer.capacity] = sample
    buffer.added += number


@pytest.mark.parametrize(
    "steps", [(3, 2, 2), (3, 0, 4, 0), (8, 5), (2, 20, 3), (0, 3), (7, 7, 7), (6, 1, 1, 1)]
)
def test_new_samples_bring_an_earlier_state_up_to_date(steps: tuple[int, ...]):
    buffer, known, since = ReplayBuffer(7, 2), None, 0
    for number in steps:
        add_samples(buffer, number)
        state = buffer.state_dict()
        news = new_samples(state, since)
        assert len(news["rows"]) == (min(number, 7) if since else len(buffer))
        known, since = with_new_samples(known, news), buffer.added
        assert_equal(known, state)


def test_whatever_is_not_known_is_sent_as_a_whole():
    buffer = ReplayBuffer(7, 2)
    add_samples(buffer, 9)
    for since in (0, 1, 10):
        assert len(new_samples(buffer.state_dict(), since)["rows"]) == 7
    other = ReplayBuffer(4, 2)
    add_samples(other, 4)
    assert_equal(
        with_new_samples(other.state_dict(), new_samples(buffer.state_dict(), 0)), buffer.state_dict()
    )


TWO = """
import sys
import torch
import torch.distributed as distributed
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.training.ranks import States
from tests.support.training import assert_equal
from tests.training.test_ranks import add_samples

folder, rank = sys.argv[1], int(sys.argv[2])
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
buffers = [ReplayBuffer(7, 2) for _ in range(2)]
states = States()
for epoch in range(6):
    for other, buffer in enumerate(buffers):
        add_samples(buffer, 2 + other)
    if epoch == 3 or (epoch == 4 and rank == 0):  # as after a checkpoint is loaded; on one rank only
        states = States()
    found = states.gather({"buffer": buffers[rank].state_dict(), "games": rank})
    if rank == 0:
        assert_equal(found, [{"buffer": b.state_dict(), "games": i} for i, b in enumerate(buffers)])
    else:
        assert found == []
print("done")
"""


def test_two_ranks_gather_what_they_have(tmp_path: Path):
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(tmp_path), str(rank)], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        assert [rank.communicate(timeout=60)[0] for rank in ranks] == ["done\n", "done\n"]
    finally:
        for rank in ranks:
            rank.kill()


def test_the_same_ranks_go_on_with_what_was_theirs():
    before = states(2)
    assert state_of_rank(before, 1, 2) is before[1]


@pytest.mark.parametrize(("ranks_before", "ranks"), [(3, 2), (2, 3), (2, 1), (1, 2)])
def test_other_ranks_share_the_samples_and_only_old_ones_have_games(ranks_before: int, ranks: int):
    before = states(ranks_before)
    after = [state_of_rank(before, rank, ranks) for rank in range(ranks)]
    outcomes = [float(outcome) for state in after for outcome in state["buffer"]["outcomes"]]
    assert sorted(outcomes) == sorted(float(rank) for rank in range(ranks_before) for _ in range(4))
    games = [f"games of rank {rank}" for rank in range(ranks_before)] + [None] * ranks
    assert [state["games"] for state in after] == games[:ranks]
    assert all(state["precision"] == "float32" for state in after)
