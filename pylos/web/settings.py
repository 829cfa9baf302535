"""What `pylos play` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pylos.errors import ConfigurationError
from pylos.game.rules import rules_code
from pylos.players.levels import find_level, levels
from pylos.players.naming import load_player
from pylos.web.security import full_address

DEFAULT_RULES, DEFAULT_LEVEL, DEFAULT_RUNS = "standard", "learner", "lightning_logs"


@dataclass(frozen=True)
class Settings:
    """The options of a server."""

    rules: str = DEFAULT_RULES
    """The rules of the first game."""
    level: str = DEFAULT_LEVEL
    """Name of the level of the first opponent."""
    ckpt_path: str | None = None
    """A checkpoint that is offered as the opponent `given`."""
    runs: Path | None = None
    """The folder of the runs."""
    host: str = "127.0.0.1"
    """The address on which it listens."""


def make_settings(
    rules: str | None, level: str | None, ckpt_path: str | None, runs: str | None, host: str
) -> Settings:
    """Settings from options of the command line, None standing for those that were not given.

    Raises:
        ConfigurationError: the folder of the runs does not exist.
        RulesError: there is no such rule set.
        PlayerError: the checkpoint is of other rules than those that were asked for, or these have no such level.
        CheckpointError: the checkpoint is missing, damaged or not ours.
    """
    if rules is not None:
        rules_code(rules)
    if ckpt_path is not None:
        rules = load_player(ckpt_path, rules, 0, "cpu").rules
    rules = rules or DEFAULT_RULES
    level = usual_level(rules) if level is None else find_level(rules, level).name
    if runs is not None and not Path(runs).is_dir():
        raise ConfigurationError(f"--runs {runs}: there is no such folder")
    return Settings(rules, level, ckpt_path, Path(runs or DEFAULT_RUNS), full_address(host))


def usual_level(rules: str) -> str:
    """The name of the level for who has not chosen one. Small rule sets may lack the usual one.

    Raises:
        RulesError: there is no such rule set.
    """
    names = [level.name for level in levels(rules)]
    return DEFAULT_LEVEL if DEFAULT_LEVEL in names else names[len(names) // 2]
