"""The players that a text can name: random, tree search with playouts or a network, perfect play."""

from __future__ import annotations

import hashlib
import math
import os
from abc import abstractmethod
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

import numpy as np

from pylos.errors import PlayerError
from pylos.jit import jit
from pylos.options import Range, checked_options, natural, shown
from pylos.perfect import load_perfect, perfect_name
from pylos.player import KeyedPlayer, Player
from pylos.playouts import playout, random_action
from pylos.randomness import draw, draw_keys
from pylos.root import pick_actions
from pylos.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions
from pylos.search import MOST_SIMULATIONS, Evaluator, Search, SearchOptions, network_options

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_ROWS = 256
"""Boards that a player searches at the same time; with more it makes several rounds."""
REFERENCE = "reference"
"""What stands for the path of the checkpoint that ships with the package."""
SIMULATIONS = {"simulations": Range(int, 0, MOST_SIMULATIONS)}
"""What an agent may use per decision; 0: the bare policy."""
PLAYOUT_LIMIT = 1000
"""Actions after which a random playout is called a draw; playouts do not come near it."""


class RandomPlayer(KeyedPlayer):
    """Plays uniformly random legal actions."""

    def __init__(self, rules: str = "standard", key: int = 0) -> None:
        super().__init__("random", rules, key)

    def _choose(self, positions: np.ndarray, key: int) -> np.ndarray:
        actions = np.empty(len(positions), np.int64)
        _random_actions(positions, self._code, draw_keys(key, len(positions)), actions)
        return actions


class _SearchPlayer(KeyedPlayer):
    """Searches and plays the action of the greatest weight; chance decides between equals.

    Args:
        name: how matches call it.
        rules: name of the rule set.
        options: how it searches.
        threads: threads that search.
        key: names its random stream.
    """

    def __init__(self, name: str, rules: str, options: SearchOptions, threads: int, key: int = 0) -> None:
        super().__init__(name, rules, key)
        self._options = options
        self._threads = threads
        self._search = Search(1, self._code, self._options)

    _max_rows = MAX_ROWS

    @abstractmethod
    def _evaluator(self, key: int) -> Evaluator:
        """What judges the leaves of the searches of one decision."""

    def _choose(self, positions: np.ndarray, key: int) -> np.ndarray:
        evaluate = self._evaluator(draw(key, 0))
        keys = draw_keys(draw(key, 1), len(positions))
        greedy = np.ones(len(positions), np.bool_)
        actions = np.empty(len(positions), np.int64)
        for first in range(0, len(positions), self._max_rows):
            rows = slice(first, first + self._max_rows)
            part = positions[rows]
            result = self._room(len(part)).run(part, evaluate, keys[rows])
            actions[rows] = pick_actions(result.actions, result.weights, keys[rows], greedy[rows])
        return actions

    def _room(self, boards: int) -> Search:
        """A search with room for so many boards; a player of single games needs little."""
        if boards > self._search.games:
            rows = min(2 * boards, self._max_rows)
            self._search = Search(rows, self._code, self._options, self._threads)
        return self._search


class RolloutPlayer(_SearchPlayer):
    """Tree search that judges a leaf by one random playout and knows no policy: the fixed yardstick.

    Args:
        simulations: playouts per decision.
        rules: name of the rule set.
        key: names its random stream.
    """

    _max_rows = 32
    """There is no batch to fill, and trees of many simulations are large."""

    def __init__(self, simulations: int, rules: str = "standard", key: int = 0) -> None:
        # By visits, as ever: a yardstick that changes is none, and there is no policy to improve.
        options = SearchOptions(simulations=simulations)
        super().__init__(f"rollouts:{options.simulations}", rules, options, os.cpu_count() or 1, key)

    def _evaluator(self, key: int) -> Evaluator:
        rules = self._code

        def evaluate(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            values = np.empty(len(positions), np.float32)
            _playout_values(positions, rules, key, values)
            return values, np.zeros((len(positions), NUM_ACTIONS), np.float32)

        return evaluate


class NetworkPlayer(_SearchPlayer):
    """Searches with a network: Gumbel root, no noise; better than visits at few simulations (docs/experiments.md).

    Args:
        name: how matches call it.
        network: maps observations [B, 184] to values [B, 1] and log policies [B, 303]; it is copied.
        rules: name of the rule set.
        simulations: leaves looked at per decision; 0 plays the likeliest action of the bare policy.
        device: a torch device.
        precision: "float32" or "bfloat16".
        key: names its random stream.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        rules: str,
        simulations: int = 64,
        device: str = "cpu",
        precision: str = "float32",
        key: int = 0,
    ) -> None:
        import torch

        from pylos.inference import NetworkEvaluator, search_threads

        threads = search_threads(torch.device(device), MAX_ROWS)
        self.simulations: int = checked_options({"simulations": simulations}, SIMULATIONS)["simulations"]
        super().__init__(name, rules, network_options(max(self.simulations, 1)), threads, key)
        self.weights_digest = ""
        """Of the checkpoint that it comes from; empty where it comes from none."""
        self.network = NetworkEvaluator(network, self._code, device, precision, name)
        self.evaluator = self.network.cached()
        """What the searches ask."""

    def _evaluator(self, key: int) -> Evaluator:
        return self.evaluator

    def _choose(self, positions: np.ndarray, key: int) -> np.ndarray:
        from pylos.inference import single_threaded_torch

        if self.simulations:
            with single_threaded_torch():
                return super()._choose(positions, key)
        actions = np.empty(len(positions), np.int64)
        _likeliest_actions(positions, self._code, self.network(positions)[1], actions)
        return actions


@jit
def _random_actions(positions: np.ndarray, rules: int, keys: np.ndarray, out: np.ndarray) -> None:
    for i in range(positions.shape[0]):
        out[i] = random_action(positions[i], rules, keys[i])


@jit
def _playout_values(positions: np.ndarray, rules: int, key: int, out: np.ndarray) -> None:
    """The outcome of one playout from each position; the position is part of the key, its row is not."""
    for i in range(positions.shape[0]):
        out[i] = playout(positions[i], rules, draw(key, positions[i]), PLAYOUT_LIMIT)[0]


@jit
def _likeliest_actions(positions: np.ndarray, rules: int, log_policy: np.ndarray, out: np.ndarray) -> None:
    actions = np.zeros(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(positions.shape[0]):
        n = legal_actions(positions[i], rules, actions)
        out[i] = actions[0]
        for k in range(1, n):
            if log_policy[i, actions[k]] > log_policy[i, out[i]]:
                out[i] = actions[k]


def make_player(spec: str, rules: str | None = None, simulations: int = 64, device: str = "cpu") -> Player:
    """Makes a player from a text.

    ==================  ===================================================================================
    ``random``          uniformly random legal actions
    ``rollouts:800``    tree search with 800 random playouts per decision
    ``perfect``         plays by the solution of the rules: see `pylos.perfect`
    ``perfect:0.1``     the same, but every tenth action is a uniformly random legal one
    ``PATH.ckpt``       a checkpoint with tree search
    ``PATH.ckpt:64``    the same with 64 simulations per decision; 0 means the bare policy
    ``reference``       the agent that ships with the package, for the rule sets that have one
    ``reference:64``    the same with 64 simulations per decision
    ==================  ===================================================================================

    Args:
        spec: the text.
        rules: name of the rule set; by default that of the checkpoint, else "standard".
        simulations: per decision, for a checkpoint or the reference agent whose text does not say.
        device: a torch device for networks.

    Raises:
        PlayerError: the text names no player, its checkpoint was trained for other rules, or no agent ships for them.
        CheckpointError: the checkpoint is missing, damaged or not ours.
        TableError: the rules are not solved here; the message names the command that does it.
    """
    kind, number = parse_player(spec)
    if kind == REFERENCE or kind.endswith(".ckpt"):
        return load_player(kind, rules, simulations if number is None else int(number), device)
    if kind == "random":
        return RandomPlayer(rules or "standard")
    if kind == "rollouts":
        return RolloutPlayer(int(number or 0), rules or "standard")
    return load_perfect(rules or "standard", number or 0.0)


def parse_player(spec: str) -> tuple[str, float | None]:
    """What kind of player a text names, or the path of its checkpoint, and the number behind it.

    Raises:
        PlayerError: the text names no player.
    """
    kind, _, number = spec.rpartition(":")
    if kind == REFERENCE or kind.endswith(".ckpt"):
        return kind, _number(spec, number, 0)
    if kind == "rollouts":
        return kind, _number(spec, number, 1)
    if kind == "perfect":
        return kind, _probability(spec, number)
    if spec in ("random", "perfect", REFERENCE):
        return spec, None
    if spec.endswith(".ckpt"):  # maybe a path with a colon in it
        return spec, None
    if os.path.isdir(spec):
        raise PlayerError(f"{spec!r} is a folder: the players in it are its checkpoints (PATH.ckpt)")
    raise PlayerError(
        f"no player {shown(spec)}; there are random, rollouts:N, reference, reference:N, perfect, perfect:P, PATH.ckpt "
        "and PATH.ckpt:N"
    )


def player_text(spec: str, simulations: int = 64) -> str:
    """The one way to write what a text says of a player: ``rollouts:020`` becomes ``rollouts:20``.

    Args:
        spec: the text.
        simulations: per decision, for a checkpoint or the reference agent whose text does not say.

    Raises:
        PlayerError: the text names no player.
    """
    kind, number = parse_player(spec)
    if kind == REFERENCE or kind.endswith(".ckpt"):
        return f"{os.path.normpath(kind)}:{simulations if number is None else number}"
    if kind == "perfect":
        return perfect_name(number or 0.0)
    return kind if number is None else f"{kind}:{number}"


def _number(spec: str, text: str, least: int) -> int:
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


def load_player(
    path: str | os.PathLike[str], rules: str | None, simulations: int, device: str
) -> NetworkPlayer:
    """Makes a player from a checkpoint, or from the one that ships if ``path`` is "reference"; see ``make_player``."""
    from pylos.checkpoint_format import check_numbers
    from pylos.checkpoints import load_checkpoint
    from pylos.errors import CheckpointError
    from pylos.network import SQUARE, PylosNetwork, check_finite, plain_name
    from pylos.observation import OBSERVATION_SIZE

    if path == REFERENCE:
        with resources.as_file(reference_file(rules or "standard")) as file:
            checkpoint = load_checkpoint(file)
    else:
        checkpoint = load_checkpoint(path)
    settings = checkpoint["hyper_parameters"]
    prefix = "network."
    state = {plain_name(name): weight for name, weight in checkpoint["state_dict"].items()}
    weights = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    try:
        trained_for = settings["rules"]
        sizes = settings["width"], settings["blocks"]
        network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS, *sizes, SQUARE)
        network.load_state_dict(weights)
    except (KeyError, RuntimeError, TypeError, ValueError):
        raise CheckpointError(f"{path} does not hold a network of this version of pylos") from None
    check_numbers(weights, network.state_dict(), path)
    check_finite(weights, path)
    if rules not in (None, trained_for):
        raise PlayerError(f"{path} was trained for {trained_for!r} rules, not for {rules!r}")
    simulations = checked_options({"simulations": simulations}, SIMULATIONS)["simulations"]
    player = NetworkPlayer(f"{os.fspath(path)}:{simulations}", network, trained_for, simulations, device)
    player.weights_digest = _digest(weights)
    return player


def _digest(weights: Mapping[str, Tensor]) -> str:
    """What tells weights from others, wherever their file lies: eight hexadecimal digits."""
    import torch

    digest = hashlib.blake2b(digest_size=4)
    for name in sorted(weights):
        content = weights[name].detach().contiguous().flatten().view(torch.uint8)  # NumPy knows no bfloat16
        digest.update(name.encode() + content.numpy().tobytes())
    return digest.hexdigest()


def reference_file(rules: str) -> Traversable:
    """The checkpoint that ships for a rule set."""
    folder = resources.files("pylos") / "reference"
    file = folder / f"{rules}.ckpt"
    if not file.is_file():
        there = sorted(
            name.removesuffix(".ckpt") for f in folder.iterdir() if (name := f.name).endswith(".ckpt")
        )
        raise PlayerError(f"no reference agent ships for the {rules} rules, only for {', '.join(there)}")
    return file
