"""Players by the text that names them, and the agents that ship."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

from pylos.errors import CheckpointError, PlayerError
from pylos.network.onnx_network import OnnxNetwork
from pylos.players.baselines import RandomPlayer, RolloutPlayer
from pylos.players.level_player import LevelPlayer
from pylos.players.levels import LEVELS, find_level
from pylos.players.network_player import SIMULATIONS, NetworkPlayer
from pylos.players.perfect_player import load_perfect, perfect_name
from pylos.players.player import Player
from pylos.players.search_player import SearchPlayer
from pylos.search.options import MOST_SIMULATIONS
from pylos.system.files import StrPath, open_regular
from pylos.system.options import checked_options, natural, shown

if TYPE_CHECKING:
    from torch import nn

    from pylos.network.checkpoints import LoadedNetwork

REFERENCE = "reference"
"""Stands for the path of the network that ships with the package."""
CHECKPOINT, ONNX = ".ckpt", ".onnx"
"""How the files of networks end."""
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
    `PATH.onnx:64`      the same with an exported network: see `pylos.export_network`
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
    if _is_network(kind):
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
        The kind of the player, the path of its network, or a level with its name; and the number behind it, if
        there is one.

    Raises:
        PlayerError: the text names no player.
    """
    kind, _, number = spec.rpartition(":")
    if _is_network(kind):
        return kind, _simulations(spec, number, 0)
    if kind == "rollouts":
        return kind, _simulations(spec, number, 1)
    if kind == "perfect":
        return kind, _probability(spec, number)
    if spec in ("random", "perfect") or _is_network(spec):  # the path may have a colon in it
        return spec, None
    if spec.startswith(LEVEL):
        if (name := spec.removeprefix(LEVEL)) not in LEVELS:
            raise PlayerError(f"no level {shown(name)}; there are {', '.join(LEVELS)}")
        return spec, None
    if os.path.isdir(spec):
        raise PlayerError(f"{spec!r} is a folder: the players in it are its checkpoints (PATH.ckpt)")
    raise PlayerError(
        f"no player {shown(spec)}; there are random, rollouts:N, level:NAME, reference, reference:N, PATH.ckpt, "
        "PATH.ckpt:N, PATH.onnx, PATH.onnx:N, and, where the rules are solved, perfect "
        "and perfect:P"
    )


def check_player(spec: str) -> None:
    """Checks the text of a player without making the player: a checkpoint is looked for, but not loaded.

    Raises:
        PlayerError: the text names no player.
        CheckpointError: there is no such checkpoint.
    """
    path, _ = parse_player(spec)
    if _is_network(path) and path != REFERENCE:
        try:
            open_regular(path).close()
        except OSError as error:
            kind = "network" if path.endswith(ONNX) else "checkpoint"
            raise CheckpointError(f"no {kind} {path}: {error.strerror or error}") from None


def player_text(spec: str, simulations: int = 64) -> str:
    """Writes the text of a player in its one form: `rollouts:020` becomes `rollouts:20`.

    Args:
        spec: the text.
        simulations: per decision, for a checkpoint or the reference agent whose text does not say.

    Raises:
        PlayerError: the text names no player.
    """
    kind, number = parse_player(spec)
    if _is_network(kind):
        return f"{os.path.normpath(kind)}:{simulations if number is None else number}"
    if kind == "perfect":
        return perfect_name(number or 0.0)
    return kind if number is None else f"{kind}:{number}"


def _is_network(kind: str) -> bool:
    return kind == REFERENCE or kind.endswith((CHECKPOINT, ONNX))


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


def load_player(path: StrPath, rules: str | None, simulations: int, device: str) -> NetworkPlayer:
    """Makes a player from the file of a network, or from the one that ships if `path` is "reference".

    See `make_player`. On a CPU the one that ships is computed by onnxruntime, elsewhere by torch.
    """
    path = os.fspath(path)
    simulations = checked_options({"simulations": simulations}, SIMULATIONS)["simulations"]
    network: nn.Module | OnnxNetwork
    if path.endswith(ONNX) or (path == REFERENCE and device == "cpu"):
        if device != "cpu":
            raise PlayerError(
                f"{path} is computed on the CPU alone, not on {device}: take its checkpoint there"
            )
        network, theirs, digest = _load_onnx(path, rules)
    else:
        network, theirs, digest = load_trained(path, rules)
    return NetworkPlayer(f"{path}:{simulations}", network, theirs, simulations, device, weights_digest=digest)


def load_trained(path: StrPath, rules: str | None) -> LoadedNetwork:
    """The network of a checkpoint, or of the one that ships if `path` is "reference", for torch.

    Args:
        path: the file, or "reference".
        rules: those that it must be for; None: any.

    Raises:
        PlayerError: it was trained for other rules, or none ships for these.
        CheckpointError: see `load_network`.
        NonFiniteNetworkError: see `load_network`.
    """
    from pylos.network.checkpoints import load_network  # late, as it brings torch

    with _network_file(path, rules, CHECKPOINT) as file:
        loaded = load_network(file)
    _check_rules(path, loaded.rules, rules)
    return loaded


def _load_onnx(path: str, rules: str | None) -> tuple[OnnxNetwork, str, str]:
    """The same for onnxruntime."""
    with _network_file(path, rules, ONNX) as file:
        network = OnnxNetwork(file)
    _check_rules(path, network.rules, rules)
    return network, network.rules, network.weights_digest


@contextlib.contextmanager
def _network_file(path: StrPath, rules: str | None, suffix: str) -> Iterator[StrPath]:
    """A file that can be opened: the one that was named, or the one that ships."""
    if path != REFERENCE:
        yield path
        return
    with resources.as_file(reference_file(rules or "standard", suffix)) as file:
        yield file


def _check_rules(path: StrPath, theirs: str, rules: str | None) -> None:
    if rules not in (None, theirs):
        raise PlayerError(f"{path} was trained for {theirs!r} rules, not for {rules!r}")


def reference_file(rules: str, suffix: str = CHECKPOINT) -> Traversable:
    """The file that ships for a rule set: a checkpoint, or the same network as ONNX.

    Raises:
        PlayerError: none does.
    """
    folder = resources.files("pylos.players") / "reference"
    file = folder / f"{rules}{suffix}"
    if not file.is_file():
        there = sorted(
            name.removesuffix(suffix) for f in folder.iterdir() if (name := f.name).endswith(suffix)
        )
        raise PlayerError(f"no reference agent ships for the {rules} rules, only for {', '.join(there)}")
    return file
