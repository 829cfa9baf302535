"""Who plays the other side of an environment, and by which rules."""

from __future__ import annotations

from typing import Literal, get_args

from pylos.errors import ConfigurationError, PlayerError
from pylos.game.rules import rules_code
from pylos.players.naming import make_player
from pylos.players.player import Player

Color = Literal["white", "black", "random"]


def find_opponent(opponent: str | Player | None, rules: str | None, color: str) -> tuple[Player | None, str]:
    """The opponent of an environment and the name of the rule set.

    Args:
        opponent: the text of a player, see `make_player`; a player; or None, if the caller plays both sides.
        rules: name of the rule set; by default that of the opponent, else "standard".
        color: the side of the agent.

    Raises:
        PlayerError: the text names no player, or there is no such player for these rules.
        CheckpointError: the checkpoint is missing, damaged or not ours.
        TableError: perfect play needs a solution that is not on this machine.
        RulesError: there is no such rule set.
        ConfigurationError: there is no such color, or one is asked for while the caller plays both.
    """
    if color not in get_args(Color):
        raise ConfigurationError(f"no color {color!r}; there are {', '.join(get_args(Color))}")
    if rules is not None:
        rules_code(rules)
    if opponent is None:
        if color != "white":
            raise ConfigurationError(f"color={color!r} needs an opponent: without one you play both sides")
        return None, rules or "standard"
    if isinstance(opponent, str):
        opponent = make_player(opponent, rules)
    known = getattr(opponent, "rules", None)
    if rules is not None and known not in (None, rules):
        raise PlayerError(f"{opponent.name} plays {known!r} rules, not {rules!r}")
    return opponent, rules or known or "standard"
