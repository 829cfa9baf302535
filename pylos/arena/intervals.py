"""Intervals of ratings: which strengths of a player its games speak against, and which they do not.

An interval holds the strengths that the likelihood-ratio test does not reject at 5 %, everybody else's strength being
whatever suits best (the profile likelihood; Venzon and Moolgavkar, A Method for Computing
Profile-Likelihood-Based Confidence Intervals, Applied Statistics 37, 1988). Unlike the estimate plus and minus two
standard deviations it is as lopsided as what is known: who lost one game of fifty may be far stronger than it seems,
and hardly weaker.

- **Open ends.** A player that no chain of lost points connects with the anchor (it lost some to a player that lost some
  to the anchor ...) can be as strong as you like: no game says otherwise. Its interval has no upper end. In the same
  way one that took no points from anybody has no lower end.
- **Two likelihoods.** That of the games alone puts the lower end of a player that won everything too high (of 1.9
  expected losses none is seen in 15 % of evaluations); that of the games and the virtual draws puts the upper end of
  a player that lost once too low. The interval holds what either of them accepts.
- **Whose games count exactly.** All games of the player and its opponents among each other (of an anchor that all have
  met, the ``OPPONENTS`` that say the most). All other games are a normal distribution of these players' strengths. So
  the work for a player does not grow with the number of players, but for one look at their covariance.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.sparse import coo_array, csgraph, csr_array

from pylos.arena.results import Z95

OPPONENTS = 16
"""Opponents whose games against a player are looked at exactly."""
_DROP = Z95**2 / 2
"""How far below its maximum the log likelihood is at the ends."""
_LONGEST_STEP = 2.0
"""On the way to an end, in log-odds: the model that a step follows is good for about so far."""
_STEPS, _CLOSE = 100, 1e-7
_PLAYERS_AT_ONCE = 256

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Pairs(NamedTuple):
    """All games, summed by who moved first against whom. P pairs."""

    first: Integers
    """[P] numbers of players."""
    second: Integers
    """[P]"""
    points: Floats
    """[P] wins of the first and half the draws."""
    games: Floats
    """[P]"""


class _Window(NamedTuple):
    """What is looked at exactly for some players with equally many opponents. B players, M strengths, R pairs."""

    players: Integers
    """[B]"""
    unknown: Integers
    """[B, M] whose strengths: the player's, that of the first move, the opponents'; the anchor's is known."""
    design: Floats
    """[R, M] how the strengths make up the log-odds of who moves first in a pair."""
    points: Floats
    """[2, B, R] of who moves first: in the games alone, and with the virtual draws."""
    games: Floats
    """[2, B, R]"""


def intervals(
    pairs: Pairs, drawn: Pairs, strengths: Floats, anchor: int, covariance: Callable[[Integers], Floats]
) -> tuple[Floats, Floats]:
    """The 95 % intervals of all players' strengths.

    Args:
        pairs: the games.
        drawn: the same with the virtual draws, in any order.
        strengths: [N + 1] the most likely ones with them, of the players and of the first move, in log-odds.
        anchor: the player whose strength is given.
        covariance: gives for strengths [C] their covariances with all strengths [N + 1, C]; 0 for the anchor.

    Returns:
        The lower and the upper ends [N], infinite where they are open.
    """
    bounded = _bounded(pairs, len(strengths) - 1, anchor)
    ends = np.where(bounded, strengths[:-1], [[-np.inf], [np.inf]])
    bounded[:, anchor] = False  # its strength is given
    ends[:, anchor] = strengths[anchor]
    for window in _windows(pairs, drawn, strengths, anchor, bounded[0] | bounded[1]):
        wanted = bounded[:, window.players]
        found = _ends(window, strengths, wanted, covariance)
        ends[:, window.players] = np.where(wanted, found, ends[:, window.players])
    return ends[0], ends[1]


def _bounded(pairs: Pairs, players: int, anchor: int) -> NDArray[np.bool_]:
    """For whom the games say how weak, and how strong it can be: [2, N].

    Raise the strengths of a set of players without end, and the games remain possible exactly if none of them lost a
    point to anybody outside. So a player is bounded above if lost points lead from it to the anchor, and below if they
    lead from the anchor to it.
    """
    losers = np.concatenate([pairs.first[pairs.points < pairs.games], pairs.second[pairs.points > 0]])
    winners = np.concatenate([pairs.second[pairs.points < pairs.games], pairs.first[pairs.points > 0]])
    lost = coo_array((np.ones(len(losers)), (losers, winners)), shape=(players, players)).tocsr()

    def reached(graph: csr_array) -> NDArray[np.bool_]:
        found = np.zeros(players, np.bool_)
        found[csgraph.breadth_first_order(graph, anchor, return_predecessors=False)] = True
        return found

    return np.stack([reached(lost), reached(csr_array(lost.T))])


def _windows(
    pairs: Pairs, drawn: Pairs, strengths: Floats, anchor: int, wanted: NDArray[np.bool_]
) -> Iterator[_Window]:
    """The windows of the wanted players [N], as many of one shape together as there is room for."""
    tallies = [_tally(pairs), _tally(drawn)]
    shapes: dict[tuple[int, bool], list[list[int]]] = defaultdict(list)
    for player, opponents in sorted(_opponents(drawn, strengths).items()):
        if wanted[player]:
            others = [opponent for opponent in opponents if opponent != anchor]
            shapes[len(others), anchor in opponents].append([player, *others])
    for (_, met_anchor), members in shapes.items():
        for start in range(0, len(members), _PLAYERS_AT_ONCE):
            part = members[start : start + _PLAYERS_AT_ONCE]
            yield _window(part, tallies, [anchor] if met_anchor else [], len(strengths) - 1)


_Tally = dict[tuple[int, int], tuple[float, float]]


def _tally(pairs: Pairs) -> _Tally:
    """Points and games by who moved first against whom."""
    first, second, points, games = (column.tolist() for column in pairs)
    return dict(zip(zip(first, second, strict=True), zip(points, games, strict=True), strict=True))


def _opponents(pairs: Pairs, strengths: Floats) -> dict[int, list[int]]:
    """The opponents of every player that say the most about it, in ascending order."""
    expected = special.expit(strengths[pairs.first] - strengths[pairs.second] + strengths[-1])
    information = (pairs.games * expected * (1 - expected)).tolist()
    known: dict[int, dict[int, float]] = defaultdict(dict)
    for a, b, more in zip(pairs.first.tolist(), pairs.second.tolist(), information, strict=True):
        known[a][b] = known[b][a] = known[a].get(b, 0.0) + more
    return {
        player: sorted(sorted(others.keys() - {player}, key=others.__getitem__)[-OPPONENTS:])
        for player, others in known.items()
    }


def _window(
    members: Sequence[list[int]], tallies: Sequence[_Tally], met_anchor: list[int], first_move: int
) -> _Window:
    """The window of players that have equally many opponents, the anchor among them or not.

    Args:
        members: for each player its own number and those of its opponents, without the anchor.
        tallies: the games alone, and with the virtual draws.
        met_anchor: the anchor, if they have met it.
        first_move: the number of the first move's strength.
    """
    count = len(members[0])
    places = list(itertools.permutations(range(count + len(met_anchor)), 2))
    design = np.zeros((len(places), count + 2))
    design[:, 1] = 1
    for row, (first, second) in enumerate(places):
        design[row, first + (first > 0)] += 1
        design[row, second + (second > 0)] -= 1
    found = np.array(
        [
            [
                [tally.get((ids[a], ids[b]), (0.0, 0.0)) for a, b in places]
                for ids in (m + met_anchor for m in members)
            ]
            for tally in tallies
        ]
    )
    return _Window(
        players=np.array([member[0] for member in members]),
        unknown=np.array([[member[0], first_move, *member[1:]] for member in members]),
        design=design[:, : count + 1],  # the last column is the anchor's, if anybody's
        points=found[..., 0],
        games=found[..., 1],
    )


def _ends(
    window: _Window,
    strengths: Floats,
    bounded: NDArray[np.bool_],
    covariance: Callable[[Integers], Floats],
) -> Floats:
    """The ends of the intervals [2, B] of a window's players; something else where they are not bounded [2, B]."""
    known, places = np.unique(window.unknown, return_inverse=True)
    places = places.reshape(window.unknown.shape)
    among = covariance(known)[known]
    precision = np.linalg.inv(among[places[:, :, None], places[:, None, :]])
    origin = strengths[window.unknown]
    # All games but those of the window, as a normal distribution: what is left if theirs are taken from the whole. At
    # the most likely strengths the slopes of both sum up to 0.
    slope, curvature = _derivatives(window, 1, origin)
    rest = precision - curvature
    ends = []
    for kind in range(2):

        def loss(x: Floats, kind: int = kind) -> tuple[Floats, Floats, Floats]:
            """The negative log likelihood [B] of strengths [B, M], its slope [B, M] and curvature [B, M, M]."""
            away = x - origin
            pull = (rest @ away[..., None])[..., 0]
            own_slope, own_curvature = _derivatives(window, kind, x)
            value = _surprise(window, kind, x) + (away * (pull / 2 - slope)).sum(1)
            return value, own_slope - slope + pull, own_curvature + rest

        best, least = _walk(loss, origin)
        for side, wanted in zip((-1, 1), bounded, strict=True):
            allowed = np.where(wanted, least + _DROP, np.inf)
            ends.append(_walk(loss, best, allowed, side)[0][:, 0])
    return np.stack([np.minimum(ends[0], ends[2]), np.maximum(ends[1], ends[3])])


def _surprise(window: _Window, kind: int, x: Floats) -> Floats:
    """The negative log likelihood [B] of the window's games."""
    logits = x @ window.design.T
    points, games = window.points[kind], window.games[kind]
    return np.asarray((points * np.logaddexp(0, -logits) + (games - points) * np.logaddexp(0, logits)).sum(1))


def _derivatives(window: _Window, kind: int, x: Floats) -> tuple[Floats, Floats]:
    """The slope [B, M] and the curvature [B, M, M] of ``_surprise``."""
    expected = special.expit(x @ window.design.T)
    points, games = window.points[kind], window.games[kind]
    weights = games * expected * (1 - expected)
    return (games * expected - points) @ window.design, window.design.T @ (weights[..., None] * window.design)


def _walk(
    loss: Callable[[Floats], tuple[Floats, Floats, Floats]],
    x: Floats,
    allowed: Floats | None = None,
    side: int = 0,
) -> tuple[Floats, Floats]:
    """Goes to the least loss, or to where the first strength is the most extreme that an allowed loss permits.

    Every step solves the problem exactly for the parabola that touches the loss where it is.

    Args:
        loss: convex; gives the value [B], the slope [B, M] and the curvature [B, M, M].
        x: [B, M] where to begin.
        allowed: [B] the loss at the end, infinite for those that stay where they are; None: the least one.
        side: 1 for the greatest first strength, -1 for the smallest.

    Returns:
        The strengths [B, M] and their loss [B].
    """
    moves = np.ones(len(x)) if allowed is None else np.isfinite(allowed)
    for _ in range(_STEPS if moves.any() else 0):
        value, slope, curvature = loss(x)
        aim = np.zeros_like(slope)
        aim[:, 0] = side
        to_least, along = np.moveaxis(np.linalg.solve(curvature, np.stack([-slope, aim], -1)), -1, 0)
        step = to_least
        if allowed is not None:
            least = value + (slope * to_least).sum(1) / 2
            room = np.maximum(np.where(moves, allowed, least) - least, 0) * 2
            step = to_least + along * np.sqrt(room / np.abs(along[:, 0]))[:, None]
        longest = np.abs(step).max(1) * moves
        x = x + step * (moves * np.minimum(1, _LONGEST_STEP / np.maximum(longest, _CLOSE)))[:, None]
        if longest.max() < _CLOSE:
            break
    return x, loss(x)[0]
