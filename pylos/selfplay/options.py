"""The options of self-play: how it searches, and how its games begin and end."""

from __future__ import annotations

from dataclasses import dataclass

from pylos.search.options import SearchOptions
from pylos.selfplay.games import MOST_PLIES
from pylos.system.options import COUNT_OR_ZERO, MOST_COUNT, SHARE, Range, checked_options

SELFPLAY_SEARCH = SearchOptions(gumbel_scale=1.0, dirichlet_fraction=0.25)
"""The default search of self-play: as any search, but with noise at the root."""
_RANGES = {
    "opening_plies": Range(int, 0, MOST_PLIES),
    "forked_games": SHARE,
    "temperature_moves": COUNT_OR_ZERO,
    "max_moves": Range(int, 1, MOST_PLIES),
    "repetition_limit": Range(int, 2, MOST_COUNT),
    "move_limit_draw_value": Range(float, -1, 1),
    "repetition_draw_value": Range(float, -1, 1),
}


@dataclass(frozen=True)
class GameOptions:
    """How games begin, how actions are chosen, and when games are stopped. A ply is one action.

    `SelfPlayDataModule` says what each option means.
    """

    opening_plies: int = 0
    forked_games: float = 0.0
    temperature_moves: int = 15
    max_moves: int = 200
    repetition_limit: int = 5
    move_limit_draw_value: float = 0.0
    repetition_draw_value: float = 0.0

    def __post_init__(self) -> None:
        for name, value in checked_options(vars(self), _RANGES).items():
            object.__setattr__(self, name, value)
