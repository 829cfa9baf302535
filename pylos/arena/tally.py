"""All games of a rating, summed up by who moved first against whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pylos.arena.results import MatchResult

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Tally = dict[tuple[int, int], tuple[float, float]]
"""For every pair (first player, second player) that met: the points of the first player, and the number of games.

A win is a point, and a draw half a point.
"""


class Pairs(NamedTuple):
    """The content of a tally as arrays, for P pairs."""

    first: Integers
    """[P] numbers of the players who moved first."""
    second: Integers
    """[P] numbers of their opponents."""
    points: Floats
    """[P] points of the first players."""
    games: Floats
    """[P]"""


def tally_results(results: Sequence[MatchResult], index: Mapping[str, int]) -> Tally:
    """Sums up all games. The sums are exact and sorted, so the order of the results cannot change a single bit.

    Args:
        results: any number of matches.
        index: the number of every player, by name.
    """
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


def as_pairs(tally: Tally) -> Pairs:
    """The same as arrays, in the same order."""
    first, second = np.array(list(tally), np.int64).reshape(-1, 2).T
    points, games = np.array(list(tally.values()), np.float64).reshape(-1, 2).T
    return Pairs(first, second, points, games)
