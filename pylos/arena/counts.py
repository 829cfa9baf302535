"""The results of matches, added up over all ranks that play a part of the games."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from pylos.arena.results import MatchResult, Pairing


class MatchCounts(Metric):
    """Wins, draws and losses of several matches, whose games are played on several ranks.

    Args:
        pairings: M pairs of a player and its opponent; the same on all ranks.
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False
    counts: Tensor
    """int64 [M, 2, 3] wins, draws and losses of each pairing's player, moving first and moving second."""

    def __init__(self, pairings: Sequence[Pairing]) -> None:
        super().__init__()
        self.pairings = list(pairings)
        zeros = torch.zeros(len(self.pairings), 2, 3, dtype=torch.long)
        self.add_state("counts", zeros, dist_reduce_fx="sum")

    def update(self, results: Sequence[MatchResult]) -> None:
        """Adds games.

        Args:
            results: of some of the pairings. The others had no games on this rank.
        """
        for result in results:
            games = torch.tensor([result.as_first, result.as_second], device=self.counts.device)
            self.counts[self.pairings.index((result.player, result.opponent))] += games

    def compute(self) -> Tensor:
        """The counts of all games so far, on all ranks: int64 [M, 2, 3]."""
        return self.counts

    def results(self) -> list[MatchResult]:
        """The same as match results, in the order of the pairings. Call it on all ranks."""
        counts = self.compute().tolist()
        return [
            MatchResult(player, opponent, tuple(first), tuple(second))
            for (player, opponent), (first, second) in zip(self.pairings, counts, strict=True)
        ]
