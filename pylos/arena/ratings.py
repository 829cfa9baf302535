"""Elo ratings by maximum likelihood over all games at once.

The model is that of Bradley and Terry (Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952) with a term for
moving first. The expected points of the first player are `1 / (1 + 10 ** (-d / 400))`, where `d` is its rating minus
the opponent's plus `first_move_elo`. A draw counts as half a win and half a loss. All games are fitted together, so
their order does not matter. `pylos.arena.intervals` has the intervals of the ratings.

Two weak priors keep every rating finite:

- **Virtual draws**, as in Bayeselo by Coulom: after 200 wins out of 200 the difference is 1041 and not infinite. They
  are added only along a spanning tree of the players, to the pairs whose games say the most. Added to every pair, or to
  every pair with the anchor, they would add up: fifty checkpoints that each won every game against random would
  together have lost 25 points that nobody lost, and their ratings and all later ones would be hundreds of Elo too low.
- **A normal distribution** of every rating around the anchor's, and of the first-move term around 0, with a standard
  deviation of `PRIOR_ELO`. It has an effect only where there is no other evidence. Players that no chain of games
  connects with the anchor centre on its rating, with intervals so wide that they say "unknown".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.sparse import coo_array, csgraph, csr_array, diags_array, eye_array
from scipy.sparse.linalg import SuperLU, splu

from pylos.arena.intervals import intervals
from pylos.arena.results import RANDOM, MatchResult
from pylos.arena.tally import Floats, Integers, Pairs, Tally, as_pairs, tally_results

VIRTUAL_GAMES = 1.0
"""Drawn games added to each pair of the spanning tree, half of them with either side first."""
PRIOR_ELO = 10_000.0
"""Standard deviation of the prior on each rating, in Elo: 1000 above the anchor cost 0.002 points."""

ELO_PER_LOGIT = 400 / math.log(10)
"""Elo points in one unit of the log-odds, in which the fit is done."""

_MOST_STEPS = 200
"""Of Newton's method."""
_TOLERANCE = 1e-10
"""Newton's method ends with a step that changes no strength by more, in log-odds."""


@dataclass(frozen=True)
class Rating:
    """A rating and its 95 % interval relative to the anchor, in Elo."""

    elo: float
    low: float
    """Minus infinity where no game says how weak the player may be."""
    high: float
    """Infinity where no game says how strong it may be."""


@dataclass(frozen=True)
class Ratings:
    """The result of a fit."""

    elo: dict[str, Rating]
    """Every player that took part, and the anchor, by name in alphabetical order."""
    first_move_elo: float
    """What moving first is worth, in Elo; negative where it is a disadvantage."""


def fit_ratings(
    results: Sequence[MatchResult], anchor: str = RANDOM, anchor_rating: float = 1000.0
) -> Ratings:
    """Fits the ratings of all players, and what moving first is worth, to all games.

    Args:
        results: any number of matches in any order; without any, only the anchor has a rating.
        anchor: the player whose rating is given; it need not have played.
        anchor_rating: its rating, in Elo.
    """
    names = sorted({anchor, *(name for result in results for name in (result.player, result.opponent))})
    tally = tally_results(results, {name: i for i, name in enumerate(names)})
    drawn = with_virtual_draws(tally, len(names))
    fixed = names.index(anchor)
    posterior = _Posterior(as_pairs(drawn), len(names), fixed)
    strengths = posterior.most_likely()
    low, high = intervals(tally, drawn, strengths, fixed, posterior.covariance(strengths))
    elo, low, high = (anchor_rating + ELO_PER_LOGIT * x for x in (strengths[:-1], low, high))
    return Ratings(
        elo={
            name: Rating(*ends)
            for name, ends in zip(names, np.stack([elo, low, high], -1).tolist(), strict=True)
        },
        first_move_elo=float(ELO_PER_LOGIT * strengths[-1]),
    )


def with_virtual_draws(tally: Tally, players: int) -> Tally:
    """Adds the virtual draws to the pairs of the spanning tree whose games say the most.

    Args:
        tally: the games.
        players: number of players.
    """
    matches: dict[tuple[int, int], tuple[float, float]] = {}
    for (first, second), (points, games) in tally.items():
        low, high = min(first, second), max(first, second)
        won, played = matches.get((low, high), (0.0, 0.0))
        matches[low, high] = (won + (points if first == low else games - points), played + games)

    # n games with the mean score s give the difference of two ratings a variance of 1 / (n s (1 - s)).
    scores = {pair: (won + VIRTUAL_GAMES / 2) / (n + VIRTUAL_GAMES) for pair, (won, n) in matches.items()}
    variances = [1 / ((matches[pair][1] + VIRTUAL_GAMES) * s * (1 - s)) for pair, s in scores.items()]
    # 32 bits: SciPy before 1.17 takes no longer indices here.
    low_index, high_index = np.array(list(matches), np.int32).reshape(-1, 2).T
    graph = coo_array((variances, (low_index, high_index)), shape=(players, players)).tocsr()
    tree = csgraph.minimum_spanning_tree(graph).tocoo()

    result = dict(tally)
    for low, high in zip(tree.coords[0].tolist(), tree.coords[1].tolist(), strict=True):
        for pair in ((low, high), (high, low)):
            points, games = result.get(pair, (0.0, 0.0))
            result[pair] = (points + VIRTUAL_GAMES / 4, games + VIRTUAL_GAMES / 2)
    return result


class _Posterior:
    """The posterior of the strengths: the likelihood of the games, virtual draws included, times the normal prior.

    Its logarithm is concave. Every player meets few others, so the design matrix and the Hessian are sparse.

    Args:
        pairs: the games, virtual draws included.
        players: number of players N.
        anchor: the player whose strength is 0.
    """

    def __init__(self, pairs: Pairs, players: int, anchor: int) -> None:
        self._points, self._games = pairs.points, pairs.games
        self._free = np.delete(np.arange(players + 1), anchor)
        self._size = players + 1
        rows = np.arange(len(pairs.first))
        ones = np.ones(len(rows))
        entries = np.concatenate([ones, -ones, ones])
        columns = np.concatenate([pairs.first, pairs.second, np.full(len(rows), players)])
        design = coo_array((entries, (np.tile(rows, 3), columns)), shape=(len(rows), players + 1))
        # The conversion adds up entries of one place: those of a player that met itself.
        self._design = csr_array(design.tocsr()[:, self._free])
        self._prior_precision = (ELO_PER_LOGIT / PRIOR_ELO) ** 2

    def most_likely(self) -> Floats:
        """The maximum, by Newton's method: strengths [N + 1] of all players and of the first move, in log-odds."""
        x = np.zeros(len(self._free))
        loss = self._loss(x)
        for _ in range(_MOST_STEPS):
            gradient = self._gradient(x)
            step = self._hessian(x).solve(-gradient)
            length, promised = 1.0, float((gradient * step).sum())
            while self._loss(x + length * step) > loss + 1e-4 * length * promised + 1e-12 * loss:
                length /= 2
            x = x + length * step
            loss = self._loss(x)
            if np.abs(step).max() < _TOLERANCE:
                break
        return self._with_anchor(x)

    def covariance(self, strengths: Floats) -> Callable[[Integers], Floats]:
        """The covariances of the strengths: those of the normal distribution with the same Hessian.

        Args:
            strengths: [N + 1] the most likely ones.

        Returns:
            A function from numbers of strengths [C] to their covariances with all strengths [N + 1, C].
        """
        hessian = self._hessian(strengths[self._free])

        def columns(numbers: Integers) -> Floats:
            units = (self._free[:, None] == numbers).astype(np.float64)
            return self._with_anchor(hessian.solve(units))

        return columns

    def _with_anchor(self, free: Floats) -> Floats:
        """The same with a zero for the anchor."""
        whole = np.zeros((self._size, *free.shape[1:]))
        whole[self._free] = free
        return whole

    def _loss(self, x: Floats) -> float:
        """The negative logarithm of the posterior."""
        logits = self._design @ x
        loss = self._points * np.logaddexp(0, -logits)
        loss += (self._games - self._points) * np.logaddexp(0, logits)
        return float(loss.sum() + self._prior_precision / 2 * (x * x).sum())

    def _gradient(self, x: Floats) -> Floats:
        """The gradient of the loss."""
        expected = special.expit(self._design @ x)
        residual = self._games * expected - self._points
        return np.asarray(self._design.T @ residual + self._prior_precision * x)

    def _hessian(self, x: Floats) -> SuperLU:
        """The Hessian of the loss, factorised in an order that keeps the factors sparse."""
        expected = special.expit(self._design @ x)
        weights = diags_array(self._games * expected * (1 - expected))
        hessian = self._design.T @ weights @ self._design + self._prior_precision * eye_array(len(x))
        return splu(
            hessian.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
