"""What an evaluation consists of: how many games against whom."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pylos.arena.results import RANDOM
from pylos.errors import ConfigurationError
from pylos.players.level_player import LevelPlayer
from pylos.players.naming import check_player, make_player, player_text
from pylos.players.network_player import SIMULATIONS, NetworkPlayer
from pylos.players.player import Player
from pylos.system.files import writable
from pylos.system.options import COUNT, SEED, checked_options, shown

_RANGES = {"games": COUNT, **SIMULATIONS, "seed": SEED}


@dataclass(frozen=True)
class EvaluationSettings:
    """What an evaluation consists of. The manifest keeps it, so that later evaluations are the same.

    Raises:
        ConfigurationError: no evaluation has such settings.
        PlayerError: an anchor is no text of a player.
        CheckpointError: an anchor is a checkpoint that is missing; `fixed_opponents` finds one that is damaged.
    """

    games: int = 50
    """Games of every match, an even number."""
    simulations: int = 32
    """Simulations per decision of the agent."""
    anchors: Sequence[str] = ("rollouts:20", "rollouts:200")
    """Opponents besides random and the previous checkpoint, as texts of players, the weakest first."""
    seed: int = 0
    """Names the games: another seed gives other ones."""

    def __post_init__(self) -> None:
        for name, value in checked_options(vars(self), _RANGES).items():
            object.__setattr__(self, name, value)
        if self.games % 2:
            raise ConfigurationError(f"an evaluation has an even number of games, got {self.games}")
        object.__setattr__(self, "anchors", tuple(map(player_text, _checked_texts(self.anchors))))
        for anchor in self.anchors:
            check_player(anchor)
        if len({RANDOM, *map(name_in_metrics, self.anchors)}) <= len(self.anchors):
            raise ConfigurationError(
                f"anchors are met once each, and {RANDOM} always: {', '.join(self.anchors)}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as the manifest keeps them."""
        return {**dataclasses.asdict(self), "anchors": list(self.anchors)}

    def fixed_opponents(self, rules: str | None) -> list[Player]:
        """Makes random and the anchors, with their names in ratings.

        The name of a checkpoint includes a digest of its weights: tomorrow a file of the same name may hold others. So
        does that of a level, with its simulations and its temperature: another version may have other ones.

        Args:
            rules: name of the rule set; None where it is not known yet.

        Raises:
            PylosError: a checkpoint cannot be loaded, or the rules have no such player.
        """
        players = [make_player(text, rules) for text in (RANDOM, *self.anchors)]
        for player in players:
            if isinstance(player, NetworkPlayer):
                stem = Path(player.name.rpartition(":")[0]).stem
                player.name = f"{name_in_metrics(stem)}-{player.weights_digest}:{player.simulations}"
            elif isinstance(player, LevelPlayer):
                player.name = player.exact_name
        return players

    @property
    def names_in_metrics(self) -> list[str]:
        """The names of the fixed opponents in the names of metrics."""
        return [RANDOM, *map(name_in_metrics, self.anchors)]


def _checked_texts(anchors: object) -> tuple[str, ...]:
    """The anchors as a tuple; raises ConfigurationError unless they are texts that the manifest can keep."""
    if not isinstance(anchors, (list, tuple)):
        raise ConfigurationError(f"anchors are a list of players, not {shown(anchors)}")
    for anchor in anchors:
        if not isinstance(anchor, str) or anchor != writable(anchor):
            raise ConfigurationError(f"an anchor is the text of a player, not {shown(anchor)}")
    return tuple(anchors)


def name_in_metrics(text: str) -> str:
    """The name of a player in the name of a metric: not a path, and without characters that a logger refuses."""
    return re.sub("[^A-Za-z0-9_.:-]+", "-", text).strip("-")
