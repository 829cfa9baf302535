"""Work shared among the ranks of a trainer: each plays some of the games, and all get the sum."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import lightning.pytorch as pl
import numpy as np
import torch

from pylos.arena.counts import MatchCounts
from pylos.arena.evaluation import Share
from pylos.arena.results import MatchResult, Pairing

T = TypeVar("T")


def shared_results(
    trainer: pl.Trainer, play: Callable[..., list[MatchResult]], pairings: Sequence[Pairing]
) -> list[MatchResult]:
    """Plays matches on all ranks. Call it on all ranks.

    Args:
        trainer: the trainer whose ranks play.
        play: plays the part of the matches that its argument `share` says.
        pairings: who plays whom.

    Returns:
        The results of all games, in the order of the pairings.

    Raises:
        Exception: what `play` raised on this rank; RuntimeError if it raised something on another rank.
    """
    counts = MatchCounts(pairings).to(trainer.strategy.root_device)
    counts.update(_on_all_ranks(trainer, play))
    return counts.results()


def shared_counts(trainer: pl.Trainer, play: Callable[..., np.ndarray]) -> np.ndarray:
    """As `shared_results`, where `play` returns numbers that may be added up."""
    return sum_over_ranks(trainer, _on_all_ranks(trainer, play))


def sum_over_ranks(trainer: pl.Trainer, counts: np.ndarray) -> np.ndarray:
    """The sum of every rank's numbers, in the same shape. Call it on all ranks."""
    on_device = torch.from_numpy(counts).to(trainer.strategy.root_device)
    return cast(torch.Tensor, trainer.strategy.reduce(on_device, reduce_op="sum")).cpu().numpy()


def _on_all_ranks(trainer: pl.Trainer, play: Callable[..., T]) -> T:
    """Lets every rank play its share. If one rank fails, all do: the others would wait for it."""
    error: Exception | None = None
    try:
        result = play(share=Share(trainer.global_rank, trainer.world_size))
    except Exception as caught:
        error = caught
        if not trainer.is_global_zero:  # the first one reports its own
            warnings.warn(f"the evaluation failed on rank {trainer.global_rank}: {error}", stacklevel=2)
    if not trainer.strategy.reduce_boolean_decision(error is None):
        raise error or RuntimeError("it failed on another rank")
    return result
