"""What ranks gather, and with which samples and games each goes on when their number has changed."""

from __future__ import annotations

from typing import Any

import pytest

from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.training.ranks import gather, state_of_rank


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
