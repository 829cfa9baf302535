"""Intervals of ratings: the strengths of a player that its games do not reject.

An interval holds the strengths that the likelihood-ratio test does not reject at 5 %, where the strengths of all others
are whatever suits best: the profile likelihood (Venzon and Moolgavkar, A Method for Computing
Profile-Likelihood-Based Confidence Intervals, Applied Statistics 37, 1988). The estimate plus and minus two standard
deviations would be symmetric; this interval is as lopsided as the evidence. A player that lost one game of fifty may be
far stronger than it seems, but hardly weaker.

- **Open ends.** An interval has no upper end where no chain of lost points leads from the player to the anchor (it lost
  some to a player that lost some to the anchor, and so on): no game says how strong it may be at most. In the same way
  the interval of a player that took no points from anybody has no lower end.
- **Two likelihoods.** The likelihood of the games alone puts the lower end of a player that won everything too high (of
  1.9 expected losses none is seen in 15 % of evaluations). The likelihood of the games and the virtual draws puts the
  upper end of a player that lost once too low. The interval holds what either of them accepts.
- **Whose games count exactly.** All games of the player, and of its opponents among each other (of an anchor that all
  have met, the `OPPONENTS` that say the most). All other games count as a normal distribution of these players'
  strengths. So the work for a player does not grow with the number of players, except for reading their covariance.
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
from pylos.arena.tally import Floats, Integers, Pairs, Tally, as_pairs

OPPONENTS = 16
"""Opponents whose games against a player count exactly."""
_DROP = Z95**2 / 2
"""How far below its maximum the log likelihood is at the ends of an interval."""
_LONGEST_STEP = 2.0
"""Of Newton's method, in log-odds: farther away, the parabola that it follows is no good model."""
_MOST_STEPS = 100
_TOLERANCE = 1e-7
"""Newton's method ends with a step that changes no strength by more, in log-odds."""
_PLAYERS_AT_ONCE = 256


class _Neighbourhoods(NamedTuple):
    """What counts exactly for some players that have equally many opponents. B players, M strengths, R pairs."""

    players: Integers
    """[B]"""
    unknown: Integers
    """[B, M] numbers of the strengths to find: the player's, the first move's, its opponents' but for the anchor."""
    design: Floats
    """[R, M] the log-odds of the first player of each pair, as a linear function of the strengths."""
    points: Floats
    """[2, B, R] of the first player of each pair: in the games alone, and with the virtual draws."""
    games: Floats
    """[2, B, R]"""


def intervals(
    tally: Tally, drawn: Tally, strengths: Floats, anchor: int, covariance: Callable[[Integers], Floats]
) -> tuple[Floats, Floats]:
    """The 95 % intervals of all players' strengths.

    Args:
        tally: the games.
        drawn: the same with the virtual draws, in any order.
        strengths: [N + 1] the most likely ones given `drawn`, of the players and of the first move, in log-odds.
        anchor: the player whose strength is given.
        covariance: from numbers of strengths [C] to their covariances with all strengths [N + 1, C]; 0 for the anchor.

    Returns:
        The lower and the upper ends [N], infinite where they are open.
    """
    bounded = _bounded(as_pairs(tally), len(strengths) - 1, anchor)
    ends = np.where(bounded, strengths[:-1], [[-np.inf], [np.inf]])
    bounded[:, anchor] = False  # its strength is given
    ends[:, anchor] = strengths[anchor]
    for part in _neighbourhoods(tally, drawn, strengths, anchor, bounded[0] | bounded[1]):
        wanted = bounded[:, part.players]
        found = _ends(part, strengths, wanted, covariance)
        ends[:, part.players] = np.where(wanted, found, ends[:, part.players])
    return ends[0], ends[1]


def _bounded(pairs: Pairs, players: int, anchor: int) -> NDArray[np.bool_]:
    """Whether the games bound each player's strength from below and from above: [2, N].

    Raise the strengths of a set of players without end: the games remain possible exactly if none of them lost a point
    to anybody outside the set. So a player is bounded from above if lost points lead from it to the anchor, and from
    below if they lead from the anchor to it.
    """
    losers = np.concatenate([pairs.first[pairs.points < pairs.games], pairs.second[pairs.points > 0]])
    winners = np.concatenate([pairs.second[pairs.points < pairs.games], pairs.first[pairs.points > 0]])
    # 32 bits: SciPy before 1.17 takes no longer indices here.
    indices = losers.astype(np.int32), winners.astype(np.int32)
    lost = coo_array((np.ones(len(losers)), indices), shape=(players, players)).tocsr()

    def reached(graph: csr_array) -> NDArray[np.bool_]:
        found = np.zeros(players, np.bool_)
        found[csgraph.breadth_first_order(graph, anchor, return_predecessors=False)] = True
        return found

    return np.stack([reached(lost), reached(csr_array(lost.T))])


def _neighbourhoods(
    tally: Tally, drawn: Tally, strengths: Floats, anchor: int, wanted: NDArray[np.bool_]
) -> Iterator[_Neighbourhoods]:
    """The neighbourhoods of the wanted players [N]; those of one shape together, as far as memory allows."""
    shapes: dict[tuple[int, bool], list[list[int]]] = defaultdict(list)
    for player, opponents in sorted(_opponents(as_pairs(drawn), strengths).items()):
        if wanted[player]:
            others = [opponent for opponent in opponents if opponent != anchor]
            shapes[len(others), anchor in opponents].append([player, *others])
    for (_, met_anchor), members in shapes.items():
        for start in range(0, len(members), _PLAYERS_AT_ONCE):
            part = members[start : start + _PLAYERS_AT_ONCE]
            yield _of_one_shape(part, (tally, drawn), [anchor] if met_anchor else [], len(strengths) - 1)


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


def _of_one_shape(
    members: Sequence[list[int]], tallies: Sequence[Tally], met_anchor: list[int], first_move: int
) -> _Neighbourhoods:
    """The neighbourhoods of players that have equally many opponents, the anchor among them or not.

    Args:
        members: for each player its own number and those of its opponents, without the anchor.
        tallies: the games alone, and with the virtual draws.
        met_anchor: the anchor, if they have met it; otherwise nothing.
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
    return _Neighbourhoods(
        players=np.array([member[0] for member in members]),
        unknown=np.array([[member[0], first_move, *member[1:]] for member in members]),
        design=design[:, : count + 1],  # the last column is the anchor's, if they have met it
        points=found[..., 0],
        games=found[..., 1],
    )


def _ends(
    part: _Neighbourhoods,
    strengths: Floats,
    bounded: NDArray[np.bool_],
    covariance: Callable[[Integers], Floats],
) -> Floats:
    """The ends of the intervals [2, B] of the neighbourhoods' players, where they are bounded [2, B]."""
    known, places = np.unique(part.unknown, return_inverse=True)
    places = places.reshape(part.unknown.shape)
    among = covariance(known)[known]
    precision = np.linalg.inv(among[places[:, :, None], places[:, None, :]])
    origin = strengths[part.unknown]
    # All games outside the neighbourhood, as a normal distribution: take the games inside from all games. At the most
    # likely strengths the gradients of both sum up to 0.
    gradient, hessian = _derivatives(part, 1, origin)
    rest = precision - hessian
    ends = []
    for kind in range(2):

        def loss(x: Floats, kind: int = kind) -> tuple[Floats, Floats, Floats]:
            """The negative log likelihood [B] of strengths [B, M], its gradient [B, M] and Hessian [B, M, M]."""
            away = x - origin
            pull = (rest @ away[..., None])[..., 0]
            own_gradient, own_hessian = _derivatives(part, kind, x)
            value = _negative_log_likelihood(part, kind, x) + (away * (pull / 2 - gradient)).sum(1)
            return value, own_gradient - gradient + pull, own_hessian + rest

        best, least = _newton(loss, origin)
        for side, wanted in zip((-1, 1), bounded, strict=True):
            allowed = np.where(wanted, least + _DROP, np.inf)
            ends.append(_newton(loss, best, allowed, side)[0][:, 0])
    return np.stack([np.minimum(ends[0], ends[2]), np.maximum(ends[1], ends[3])])


def _negative_log_likelihood(part: _Neighbourhoods, kind: int, x: Floats) -> Floats:
    """That of the games inside the neighbourhoods [B]; `kind` 0: the games alone, 1: with the virtual draws."""
    logits = x @ part.design.T
    points, games = part.points[kind], part.games[kind]
    return np.asarray((points * np.logaddexp(0, -logits) + (games - points) * np.logaddexp(0, logits)).sum(1))


def _derivatives(part: _Neighbourhoods, kind: int, x: Floats) -> tuple[Floats, Floats]:
    """The gradient [B, M] and the Hessian [B, M, M] of `_negative_log_likelihood`."""
    expected = special.expit(x @ part.design.T)
    points, games = part.points[kind], part.games[kind]
    weights = games * expected * (1 - expected)
    return (games * expected - points) @ part.design, part.design.T @ (weights[..., None] * part.design)


def _newton(
    loss: Callable[[Floats], tuple[Floats, Floats, Floats]],
    x: Floats,
    allowed: Floats | None = None,
    side: int = 0,
) -> tuple[Floats, Floats]:
    """Newton's method, to the least loss or to the most extreme first strength that an allowed loss permits.

    Every step solves the problem exactly for the parabola that touches the loss at the present strengths (Venzon and
    Moolgavkar 1988).

    Args:
        loss: convex; gives the value [B], the gradient [B, M] and the Hessian [B, M, M].
        x: [B, M] where to begin.
        allowed: [B] the loss at the end, infinite for those that stay where they are; None to go to the least loss.
        side: 1 for the greatest first strength, -1 for the smallest.

    Returns:
        The strengths [B, M] and their loss [B].
    """
    moves = np.ones(len(x)) if allowed is None else np.isfinite(allowed)
    for _ in range(_MOST_STEPS if moves.any() else 0):
        value, gradient, hessian = loss(x)
        aim = np.zeros_like(gradient)
        aim[:, 0] = side
        to_least, along = np.moveaxis(np.linalg.solve(hessian, np.stack([-gradient, aim], -1)), -1, 0)
        step = to_least
        if allowed is not None:
            least = value + (gradient * to_least).sum(1) / 2
            room = np.maximum(np.where(moves, allowed, least) - least, 0) * 2
            step = to_least + along * np.sqrt(room / np.abs(along[:, 0]))[:, None]
        longest = np.abs(step).max(1) * moves
        x = x + step * (moves * np.minimum(1, _LONGEST_STEP / np.maximum(longest, _TOLERANCE)))[:, None]
        if longest.max() < _TOLERANCE:
            break
    return x, loss(x)[0]
