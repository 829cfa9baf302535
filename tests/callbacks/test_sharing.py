"""Several ranks, each in a thread of its own, with a strategy that sums as Lightning's does."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from callbacks.sharing import shared_counts, shared_results, sum_over_ranks
from pylos.arena.evaluation import Share
from pylos.arena.results import MatchResult

PAIRINGS = [("a", "random"), ("a", "b")]


class Strategy:
    """Sums what all ranks hand in."""

    root_device = torch.device("cpu")

    def __init__(self, ranks: int) -> None:
        self._barrier = threading.Barrier(ranks, timeout=20)
        self._handed_in: list[Any] = []

    def _gather(self, value: Any) -> list[Any]:
        self._handed_in.append(value)
        self._barrier.wait()
        values = list(self._handed_in)
        if self._barrier.wait() == 0:
            self._handed_in.clear()
        self._barrier.wait()
        return values

    def reduce(self, tensor: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "sum"
        return torch.stack(self._gather(tensor)).sum(0)

    def reduce_boolean_decision(self, decision: bool) -> bool:
        return all(self._gather(decision))


def on_ranks(ranks: int, work: Callable[[Any], Any]) -> list[Any]:
    """What every rank's work returns or raises."""
    strategy = Strategy(ranks)

    def run(rank: int) -> Any:
        trainer = SimpleNamespace(
            strategy=strategy, global_rank=rank, world_size=ranks, is_global_zero=rank == 0
        )
        try:
            return work(trainer)
        except Exception as error:
            return error

    with ThreadPoolExecutor(ranks) as threads:
        return list(threads.map(run, range(ranks)))


def test_numbers_of_all_ranks_are_added_up():
    found = on_ranks(3, lambda trainer: sum_over_ranks(trainer, np.array([1, 10 * trainer.global_rank])))
    assert [counts.tolist() for counts in found] == [[3, 30]] * 3
    assert {counts.dtype for counts in found} == {np.dtype(np.int64)}


def test_every_rank_plays_its_share():
    def play(share: Share) -> np.ndarray:
        return np.array([share.games(10), share.rank, 1])

    found = on_ranks(3, lambda trainer: shared_counts(trainer, play))
    assert [counts.tolist() for counts in found] == [[10, 0 + 1 + 2, 3]] * 3


def test_results_are_those_of_this_rank_where_there_is_no_other():
    def play(share: Share) -> list[MatchResult]:
        assert share == Share()
        return [MatchResult("a", "b", (1, 0, 0), (0, 1, 0)), MatchResult("a", "random", (1, 0, 0), (1, 0, 0))]

    [found] = on_ranks(1, lambda trainer: shared_results(trainer, play, PAIRINGS))
    assert [(result.player, result.opponent) for result in found] == PAIRINGS
    assert found[1] == MatchResult("a", "b", (1, 0, 0), (0, 1, 0))


@pytest.mark.parametrize("failing", [0, 1])
def test_all_ranks_fail_if_one_does(failing: int):
    def play(share: Share) -> np.ndarray:
        if share.rank == failing:
            raise OSError("the disk is on fire")
        return np.zeros(1, np.int64)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = on_ranks(2, lambda trainer: shared_counts(trainer, play))
    assert [type(error) for error in found] == (
        [OSError, RuntimeError] if failing == 0 else [RuntimeError, OSError]
    )
    assert str(found[failing]) == "the disk is on fire"
    # The callback reports what the first rank raises; of the others it would not learn the reason.
    reported = [str(warning.message) for warning in caught]
    assert reported == (["the evaluation failed on rank 1: the disk is on fire"] if failing else [])
