"""Elo ratings by maximum likelihood over all games at once.

The model is that of Bradley and Terry (Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952) with
a term for moving first: the expected points of the first player are ``1 / (1 + 10 ** (-d / 400))``, where
``d`` is its rating minus the opponent's plus ``first_move_elo``. A draw counts as half a win and half a
loss. Ratings are fitted to all games together, so that their order does not matter, and get their intervals
from the curvature of the likelihood (Coulom, Whole-History Rating: A Bayesian Rating System for Players of
Time-Varying Strength, 2008).

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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, special
from scipy.sparse import coo_array, csgraph

from pylos.results import Z95, MatchResult

VIRTUAL_GAMES = 1.0
"""Drawn games added to each pair of the spanning tree, half of them with either side first."""
PRIOR_ELO = 10_000.0
"""Standard deviation of the prior on each rating, in Elo: 1000 above the anchor cost 0.002 points."""

ELO_PER_LOGIT = 400 / math.log(10)
"""Elo points in one unit of the log-odds, in which the fit is done."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rating:
    """A rating and the ends of its 95 % interval relative to the anchor, in Elo."""

    elo: float
    low: float
    high: float


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
    tally = _with_virtual_draws(_tally(results, {name: i for i, name in enumerate(names)}), len(names))
    strengths, deviations = _fit(tally, len(names), names.index(anchor))
    elo = anchor_rating + ELO_PER_LOGIT * strengths[:-1]
    margins = Z95 * ELO_PER_LOGIT * deviations[:-1]
    return Ratings(
        elo={
            name: Rating(float(middle), float(middle - margin), float(middle + margin))
            for name, middle, margin in zip(names, elo, margins, strict=True)
        },
        first_move_elo=float(ELO_PER_LOGIT * strengths[-1]),
    )


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


def _fit(tally: Tally, players: int, anchor: int) -> tuple[Floats, Floats]:
    """Finds the most likely strengths by Newton's method with a trust region; the problem is strictly convex.

    Returns:
        The strengths [players + 1] in log-odds, of all players (the anchor's is 0) and of the first move, and
        their standard deviations [players + 1] from the observed information matrix.
    """
    design = np.zeros((len(tally), players + 1))
    for row, (first, second) in enumerate(tally):
        design[row, first] += 1
        design[row, second] -= 1
    design[:, -1] = 1
    free = np.delete(np.arange(players + 1), anchor)
    design = design[:, free]
    points, games = np.array(list(tally.values()), np.float64).reshape(-1, 2).T
    precision = (ELO_PER_LOGIT / PRIOR_ELO) ** 2

    def loss(x: Floats) -> float:
        logits = design @ x
        surprise = points @ np.logaddexp(0, -logits) + (games - points) @ np.logaddexp(0, logits)
        return float(surprise + precision / 2 * x @ x)

    def gradient(x: Floats) -> Floats:
        return np.asarray(design.T @ (games * special.expit(design @ x) - points) + precision * x)

    def hessian(x: Floats) -> Floats:
        expected = special.expit(design @ x)
        weights = games * expected * (1 - expected)
        return np.asarray(design.T @ (weights[:, None] * design) + precision * np.eye(len(free)))

    start = np.zeros(len(free))
    found = optimize.minimize(
        loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-6}
    )
    strengths, deviations = np.zeros(players + 1), np.zeros(players + 1)
    strengths[free] = found.x
    deviations[free] = np.sqrt(np.diagonal(linalg.inv(hessian(found.x))))
    return strengths, deviations
