"""The result of a match: wins, draws and losses, the win rate with its interval, and the label of a strength."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pylos.errors import CheckpointError
from pylos.system.options import COUNT_OR_ZERO, shown

Z95 = 1.959963984540054
"""95 % of a normal distribution lie within this number of standard deviations on either side of its mean."""

LABELS = ((0.40, "Beginner"), (0.60, "Novice"), (0.75, "Intermediate"), (0.90, "Advanced"))
"""Each label with the win rate against random from which it no longer applies."""
TOP_LABEL = "Expert"
RANDOM = "random"
"""The name of the player against which every agent is measured."""

Counts = tuple[int, int, int]
"""Wins, draws, losses."""
Pairing = tuple[str, str]
"""The names of a player and its opponent."""


def strength_label(win_rate_vs_random: float) -> str:
    """The label of a strength.

    Args:
        win_rate_vs_random: win rate against the random player, in [0, 1].
    """
    return next((name for bound, name in LABELS if win_rate_vs_random < bound), TOP_LABEL)


def wilson_interval(score: float, games: int) -> tuple[float, float]:
    """The 95 % score interval of a win rate, both ends in [0, 1].

    See Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the American
    Statistical Association 22, 1927. It assumes independent games that are won or lost. Draws, and pairs of games from
    one opening with colours swapped, vary less, so the interval may be too wide, but hardly too narrow.

    Args:
        score: mean points a game, in [0, 1].
        games: number of games, at least 1.
    """
    spread = Z95 * Z95 / games
    centre = (score + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(score * (1 - score) / games + spread / (4 * games)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def interval_text(low: float | None, high: float | None) -> str:
    """The text of an interval of ratings, in plain ASCII; an end that is None is open."""
    left = "(-inf" if low is None else f"[{low:.0f}"
    right = "inf)" if high is None else f"{high:.0f}]"
    return f"{left}, {right}"


def score_of(counts: Counts) -> float:
    """Wins and half the draws over the games; NaN without games."""
    wins, draws, losses = counts
    games = wins + draws + losses
    return (wins + draws / 2) / games if games else math.nan


@dataclass(frozen=True)
class MatchResult:
    """The result of a match of at least one game, seen from `player`.

    Raises:
        ValueError: a name is empty, a count is no natural number, or there is no game.
    """

    player: str
    opponent: str
    as_first: Counts
    """Wins, draws, losses of `player` in the games in which it moved first."""
    as_second: Counts
    """The same of the games in which it moved second."""

    def __post_init__(self) -> None:
        for name in (self.player, self.opponent):
            if type(name) is not str or not name:
                raise ValueError(f"a player's name must be a text, not {shown(name)}")
        for counts in (self.as_first, self.as_second):
            if type(counts) is not tuple or len(counts) != 3:
                raise ValueError(f"a result has wins, draws and losses, not {shown(counts)}")
            if any(type(count) is not int or count not in COUNT_OR_ZERO for count in counts):
                raise ValueError(f"wins, draws and losses are each {COUNT_OR_ZERO}, not {shown(counts)}")
        if not self.games:
            raise ValueError(f"a match has at least one game: {self.player} vs {self.opponent}")

    @property
    def wins(self) -> int:
        """Games that `player` won."""
        return self.as_first[0] + self.as_second[0]

    @property
    def draws(self) -> int:
        """Drawn games."""
        return self.as_first[1] + self.as_second[1]

    @property
    def losses(self) -> int:
        """Games that `player` lost."""
        return self.as_first[2] + self.as_second[2]

    @property
    def games(self) -> int:
        """Number of all games of the match."""
        return sum(self.as_first) + sum(self.as_second)

    @property
    def score(self) -> float:
        """The win rate in [0, 1]: wins and half the draws over the games."""
        return score_of((self.wins, self.draws, self.losses))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the win rate."""
        return wilson_interval(self.score, self.games)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "player": self.player,
            "opponent": self.opponent,
            "as_first": list(self.as_first),
            "as_second": list(self.as_second),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MatchResult:
        """The inverse of `to_dict`.

        Raises:
            CheckpointError: the values are not those of a match.
        """
        try:
            counts = {side: tuple(values[side]) for side in ("as_first", "as_second")}
            result = cls(values["player"], values["opponent"], counts["as_first"], counts["as_second"])
            if result.to_dict() != values:
                raise ValueError("more values than a match has")
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"not the result of a match ({error}): {shown(values)}") from None
        return result

    def __str__(self) -> str:
        low, high = self.interval
        sides = {"first": score_of(self.as_first), "second": score_of(self.as_second)}
        by_side = ", ".join(
            f"{side} {'-' if math.isnan(rate) else f'{rate:.2f}'}" for side, rate in sides.items()
        )
        return (
            f"{self.player} vs {self.opponent}: {self.score:.3f} [{low:.2f}, {high:.2f}] "
            f"({self.wins} wins, {self.draws} draws, {self.losses} losses; {by_side})"
        )
