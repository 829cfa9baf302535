"""Players by the text that names them, and the agents that ship."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable

from pylos.errors import CheckpointError, PlayerError
from pylos.players.baselines import RandomPlayer, RolloutPlayer
from pylos.players.level_player import LevelPlayer
from pylos.players.levels import LEVELS, find_level
from pylos.players.network_player import SIMULATIONS, NetworkPlayer
from pylos.players.perfect_player import load_perfect, perfect_name
from pylos.players.player import Player
from pylos.players.search_player import SearchPlayer
from pylos.search.options import MOST_SIMULATIONS
from pylos.system.files import open_regular
from pylos.system.options import checked_options, natural, shown

REFERENCE = "reference"
"""Stands for the path of the checkpoint that ships with the package."""
LEVEL = "level:"
"""Stands before the name of a level."""


def make_player(spec: str, rules: str | None = None, simulations: int = 64, device: str = "cpu") -> Player:
    """Makes a player from a text.

    ==================  ===================================================================================
    `random`            uniformly random legal actions
    `rollouts:800`      tree search with 800 random playouts per decision
    `perfect`           plays by the solution of the rules: see `pylos.players.perfect_player`
    `perfect:0.1`       the same, but every tenth action is a uniformly random legal one
    `PATH.ckpt`         a checkpoint with tree search
    `PATH.ckpt:64`      the same with 64 simulations per decision; 0 means the bare policy
    `reference`         the agent that ships with the package, for the rule sets that have one
    `reference:64`      the same with 64 simulations per decision
    `level:club`        a level of measured strength: see `pylos.players.levels`
    ==================  ===================================================================================

    Args:
        spec: the text.
        rules: name of the rule set; by default that of the checkpoint, else "standard".
        simulations: per decision, for a checkpoint or the reference agent whose text does not say.
        device: a torch device for networks.

    Raises:
        PlayerError: the text names no player, its checkpoint was trained for other rules, or the rules have no such
            agent or level.
        CheckpointError: the checkpoint is missing, damaged or not ours.
        TableError: the rules are not solved on this machine; the message names the command that does it.
        RulesError: there is no such rule set.
    """
    kind, number = parse_player(spec)
    if _is_checkpoint(kind):
        return load_player(kind, rules, simulations if number is None else int(number), device)
    rules = rules or "standard"
    makers: dict[str, Callable[[], Player]] = {
        "random": lambda: RandomPlayer(rules),
        "rollouts": lambda: RolloutPlayer(int(number or 0), rules),
        "perfect": lambda: load_perfect(rules, number or 0.0),
    }
    if kind in makers:
        return makers[kind]()
    level = find_level(rules, kind.removeprefix(LEVEL))
    return LevelPlayer(level, level_agent(level.agent, rules, level.simulations, device))


def parse_player(spec: str) -> tuple[str, float | None]:
    """Splits the text of a player.

    Returns:
        The kind of the player, the path of its checkpoint, or a level with its name; and the number behind it, if
        there is one.

    Raises:
        PlayerError: the text names no player.
    """
    kind, _, number = spec.rpartition(":")
    if _is_checkpoint(kind):
        return kind, _simulations(spec, number, 0)
    if kind == "rollouts":
        return kind, _simulations(spec, number, 1)
    if kind == "perfect":
        return kind, _probability(spec, number)
    if spec in ("random", "perfect") or _is_checkpoint(spec):  # the path may have a colon in it
        return spec, None
    if spec.startswith(LEVEL):
        if (name := spec.removeprefix(LEVEL)) not in LEVELS:
            raise PlayerError(f"no level {shown(name)}; there are {', '.join(LEVELS)}")
        return spec, None
    if os.path.isdir(spec):
        raise PlayerError(f"{spec!r} is a folder: the players in it are its checkpoints (PATH.ckpt)")
    raise PlayerError(
        f"no player {shown(spec)}; there are random, rollouts:N, level:NAME, reference, reference:N, perfect, "
        "perfect:P, PATH.ckpt and PATH.ckpt:N"
    )


def check_player(spec: str) -> None:
    """Checks the text of a player without making the player: a checkpoint is looked for, but not loaded.

    Raises:
        PlayerError: the text names no player.
        CheckpointError: there is no such checkpoint.
    """
    path, _ = parse_player(spec)
    if _is_checkpoint(path) and path != REFERENCE:
        try:
            open_regular(path).close()
        except OSError as error:
            raise CheckpointError(f"no checkpoint {path}: {error.strerror or error}") from None


def player_text(spec: str, simulations: int = 64) -> str:
    """Writes the text of a player in its one form: `rollouts:020` becomes `rollouts:20`.

    Args:
        spec: the text.
        simulations: per decision, for a checkpoint or the reference agent whose text does not say.

    Raises:
        PlayerError: the text names no player.
    """
    kind, number = parse_player(spec)
    if _is_checkpoint(kind):
        return f"{os.path.normpath(kind)}:{simulations if number is None else number}"
    if kind == "perfect":
        return perfect_name(number or 0.0)
    return kind if number is None else f"{kind}:{number}"


def _is_checkpoint(kind: str) -> bool:
    return kind == REFERENCE or kind.endswith(".ckpt")


def _simulations(spec: str, text: str, least: int) -> int:
    number = natural(text, MOST_SIMULATIONS)
    if number is None or number < least:
        raise PlayerError(
            f"player {shown(spec)} needs a number of simulations from {least} to {MOST_SIMULATIONS}"
        )
    return number


def _probability(spec: str, text: str) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = math.nan
    if not 0 <= probability <= 1:
        raise PlayerError(f"player {shown(spec)} needs the probability of a random action, from 0 to 1")
    return probability


def level_agent(agent: str, rules: str, simulations: int, device: str = "cpu") -> SearchPlayer:
    """Makes the player who searches for a level.

    Args:
        agent: see `Level`.
        rules: name of the rule set.
        simulations: per decision.
        device: a torch device for networks.

    Raises:
        PlayerError: no agent ships for these rules.
    """
    if agent == REFERENCE:
        return load_player(REFERENCE, rules, simulations, device)
    return RolloutPlayer(simulations, rules)


def load_player(
    path: str | os.PathLike[str], rules: str | None, simulations: int, device: str
) -> NetworkPlayer:
    """Makes a player from a checkpoint, or from the one that ships if `path` is "reference"; see `make_player`."""
    from pylos.network.checkpoints import load_network  # late, as it brings torch

    if path == REFERENCE:
        with resources.as_file(reference_file(rules or "standard")) as file:
            loaded = load_network(file)
    else:
        loaded = load_network(path)
    if rules not in (None, loaded.rules):
        raise PlayerError(f"{path} was trained for {loaded.rules!r} rules, not for {rules!r}")
    simulations = checked_options({"simulations": simulations}, SIMULATIONS)["simulations"]
    return NetworkPlayer(
        f"{os.fspath(path)}:{simulations}",
        loaded.network,
        loaded.rules,
        simulations,
        device,
        weights_digest=loaded.weights_digest,
    )


def reference_file(rules: str) -> Traversable:
    """The checkpoint that ships for a rule set.

    Raises:
        PlayerError: none does.
    """
    folder = resources.files("pylos.players") / "reference"
    file = folder / f"{rules}.ckpt"
    if not file.is_file():
        there = sorted(
            name.removesuffix(".ckpt") for f in folder.iterdir() if (name := f.name).endswith(".ckpt")
        )
        raise PlayerError(f"no reference agent ships for the {rules} rules, only for {', '.join(there)}")
    return file
