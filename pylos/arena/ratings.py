"""Elo ratings by maximum likelihood over all games at once.

The model is that of Bradley and Terry (Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952) with
a term for moving first: the expected points of the first player are ``1 / (1 + 10 ** (-d / 400))``, where
``d`` is its rating minus the opponent's plus ``first_move_elo``. A draw counts as half a win and half a
loss. Ratings are fitted to all games together, so that their order does not matter; their intervals are those of
``pylos.arena.intervals``.

Two weak priors keep every rating finite:

- Virtual draws, as in Coulom's Bayeselo: after 200 wins out of 200 the difference is 1041 and not infinite.
  They are added only along a spanning tree of the players, over the pairs whose games say the most. Added to
  every pair, or against the anchor, they would add up: fifty checkpoints that each won every game against
  random would jointly claim 25 lost points, and press down themselves and all that follow by hundreds of
  Elo.
- Every rating is normally distributed around the anchor, and the first-move term around 0, with a standard
  deviation of ``PRIOR_ELO``. This shows only where there is no other evidence: players that no chain of
  games connects with the anchor centre on its rating, with intervals so wide that they say "unknown".
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.sparse import coo_array, csgraph, csr_array, diags_array, eye_array
from scipy.sparse.linalg import SuperLU, splu

from pylos.arena.intervals import Pairs, intervals
from pylos.arena.results import MatchResult

VIRTUAL_GAMES = 1.0
"""Drawn games added to each pair of the spanning tree, half of them with either side first."""
PRIOR_ELO = 10_000.0
"""Standard deviation of the prior on each rating, in Elo: 1000 above the anchor cost 0.002 points."""

ELO_PER_LOGIT = 400 / math.log(10)
"""Elo points in one unit of the log-odds, in which the fit is done."""

_STEPS, _CLOSE = 200, 1e-10
"""Of Newton's method: at most so many, until the last one is so short in log-odds."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rating:
    """A rating and the ends of its 95 % interval relative to the anchor, in Elo."""

    elo: float
    low: float
    """Minus infinity where no game says how weak the player may be."""
    high: float
    """Infinity where no game says how strong it may be."""


@dataclass(frozen=True)
class Ratings:
    """What a fit found."""

    elo: dict[str, Rating]
    """Every player that took part, and the anchor, by name in alphabetical order."""
    first_move_elo: float
    """What moving first is worth, in Elo; negative where it is a burden."""


Tally = dict[tuple[int, int], tuple[float, float]]
"""For every (first player, second player) that met: points of the first (wins and half the draws), games."""


def fit_ratings(
    results: Sequence[MatchResult], anchor: str = "random", anchor_rating: float = 1000.0
) -> Ratings:
    """Fits the ratings of all players and the worth of the first move to all games.

    Args:
        results: any number of matches in any order; none at all rates the anchor alone.
        anchor: the player whose rating is given; it need not have played.
        anchor_rating: its rating, in Elo.
    """
    names = sorted({anchor, *(name for result in results for name in (result.player, result.opponent))})
    tally = _tally(results, {name: i for i, name in enumerate(names)})
    drawn = _pairs(_with_virtual_draws(tally, len(names)))
    fixed = names.index(anchor)
    problem = _Problem(drawn, len(names), fixed)
    strengths = problem.most_likely()
    low, high = intervals(_pairs(tally), drawn, strengths, fixed, problem.covariance(strengths))
    elo, low, high = (anchor_rating + ELO_PER_LOGIT * x for x in (strengths[:-1], low, high))
    return Ratings(
        elo={
            name: Rating(*ends)
            for name, ends in zip(names, np.stack([elo, low, high], -1).tolist(), strict=True)
        },
        first_move_elo=float(ELO_PER_LOGIT * strengths[-1]),
    )


def _pairs(tally: Tally) -> Pairs:
    first, second = np.array(list(tally), np.int64).reshape(-1, 2).T
    points, games = np.array(list(tally.values()), np.float64).reshape(-1, 2).T
    return Pairs(first, second, points, games)


def _tally(results: Sequence[MatchResult], index: dict[str, int]) -> Tally:
    """Sums all games. The sums are exact and sorted: the order of the results cannot change a single bit."""
    points: dict[tuple[int, int], float] = defaultdict(float)
    games: dict[tuple[int, int], int] = defaultdict(int)
    for result in results:
        player, opponent = index[result.player], index[result.opponent]
        wins, draws, losses = result.as_first
        points[player, opponent] += wins + draws / 2
        games[player, opponent] += wins + draws + losses
        wins, draws, losses = result.as_second
        points[opponent, player] += losses + draws / 2
        games[opponent, player] += wins + draws + losses
    return {pair: (points[pair], games[pair]) for pair in sorted(games)}


def _with_virtual_draws(tally: Tally, players: int) -> Tally:
    """Adds the virtual draws to the pairs of the spanning tree with the most information."""
    matches: dict[tuple[int, int], tuple[float, float]] = {}
    for (first, second), (points, games) in tally.items():
        low, high = min(first, second), max(first, second)
        won, played = matches.get((low, high), (0.0, 0.0))
        matches[low, high] = (won + (points if first == low else games - points), played + games)

    # n games with score s determine the difference of two ratings up to a variance of 1 / (n s (1 - s)).
    scores = {pair: (won + VIRTUAL_GAMES / 2) / (n + VIRTUAL_GAMES) for pair, (won, n) in matches.items()}
    variances = [1 / ((matches[pair][1] + VIRTUAL_GAMES) * s * (1 - s)) for pair, s in scores.items()]
    low_index, high_index = np.array(list(matches), np.int64).reshape(-1, 2).T
    graph = coo_array((variances, (low_index, high_index)), shape=(players, players)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph).tocoo()

    result = dict(tally)
    for low, high in zip(tree.coords[0].tolist(), tree.coords[1].tolist(), strict=True):
        for pair in ((low, high), (high, low)):
            points, games = result.get(pair, (0.0, 0.0))
            result[pair] = (points + VIRTUAL_GAMES / 4, games + VIRTUAL_GAMES / 2)
    return result


class _Problem:
    """The fit as a convex problem. Everybody meets few others, so that its matrices are nearly empty.

    Args:
        pairs: the games, virtual draws included.
        players: their number N.
        anchor: the one whose strength is 0.
    """

    def __init__(self, pairs: Pairs, players: int, anchor: int) -> None:
        self._points, self._games = pairs.points, pairs.games
        self._free = np.delete(np.arange(players + 1), anchor)
        self._size = players + 1
        rows = np.arange(len(pairs.first))
        ones = np.ones(len(rows))
        entries = np.concatenate([ones, -ones, ones])
        columns = np.concatenate([pairs.first, pairs.second, np.full(len(rows), players)])
        shape = (len(rows), players + 1)
        design = coo_array(
            (entries, (np.tile(rows, 3), columns)), shape=shape
        ).tocsr()  # adds up what it is given
        self._design = csr_array(design[:, self._free])
        self._precision = (ELO_PER_LOGIT / PRIOR_ELO) ** 2

    def most_likely(self) -> Floats:
        """The most likely strengths [N + 1] in log-odds, of all players and of the first move: Newton's method."""
        x = np.zeros(len(self._free))
        loss = self._loss(x)
        for _ in range(_STEPS):
            slope = self._slope(x)
            step = self._factors(x).solve(-slope)
            length, promised = 1.0, float((slope * step).sum())
            while self._loss(x + length * step) > loss + 1e-4 * length * promised + 1e-12 * loss:
                length /= 2
            x = x + length * step
            loss = self._loss(x)
            if np.abs(step).max() < _CLOSE:
                break
        return self._whole(x)

    def covariance(self, strengths: Floats) -> Callable[[NDArray[np.int64]], Floats]:
        """What gives for strengths [C] their covariances with all [N + 1, C], by the observed information matrix."""
        factors = self._factors(strengths[self._free])

        def columns(which: NDArray[np.int64]) -> Floats:
            units = (self._free[:, None] == which).astype(np.float64)
            return self._whole(factors.solve(units))

        return columns

    def _whole(self, free: Floats) -> Floats:
        """The same with a zero for the anchor."""
        whole = np.zeros((self._size, *free.shape[1:]))
        whole[self._free] = free
        return whole

    def _loss(self, x: Floats) -> float:
        logits = self._design @ x
        surprise = self._points * np.logaddexp(0, -logits)
        surprise += (self._games - self._points) * np.logaddexp(0, logits)
        return float(surprise.sum() + self._precision / 2 * (x * x).sum())

    def _slope(self, x: Floats) -> Floats:
        expected = special.expit(self._design @ x)
        return np.asarray(self._design.T @ (self._games * expected - self._points) + self._precision * x)

    def _factors(self, x: Floats) -> SuperLU:
        """The curvature, factorised in an order that keeps the factors nearly empty."""
        expected = special.expit(self._design @ x)
        weights = diags_array(self._games * expected * (1 - expected))
        curvature = self._design.T @ weights @ self._design + self._precision * eye_array(len(x))
        return splu(
            curvature.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
