"""Players that need neither a network nor a table: random actions, and search with random playouts."""

from __future__ import annotations

import numpy as np

from pylos.game.playouts import playout, random_action
from pylos.game.rules import NUM_ACTIONS
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw, draw_keys
from pylos.players.player import KeyedPlayer
from pylos.players.search_player import SearchPlayer
from pylos.search.evaluator import Evaluator
from pylos.search.history import History
from pylos.search.options import SearchOptions
from pylos.system.machine import usable_threads

PLAYOUT_LIMIT = 1000
"""Actions after which a random playout counts as a draw. No playout comes near it."""
ROLLOUT_ROWS = 32
"""Fewer than a network's: playouts gain nothing by large batches, and trees of many simulations are large."""


class RandomPlayer(KeyedPlayer):
    """Plays uniformly random legal actions.

    Args:
        rules: name of the rule set.
        key: names its random stream.
    """

    def __init__(self, rules: str = "standard", key: int = 0) -> None:
        super().__init__("random", rules, key)

    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        actions = np.empty(len(positions), np.int64)
        _random_actions(positions, self._code, draw_keys(key, len(positions)), actions)
        return actions


class RolloutPlayer(SearchPlayer):
    """Tree search without a network: one random playout judges a leaf. The fixed yardstick of all ratings.

    Args:
        simulations: playouts per decision.
        rules: name of the rule set.
        key: names its random stream.
    """

    def __init__(self, simulations: int, rules: str = "standard", key: int = 0) -> None:
        # Always "puct": a yardstick must not change, and "gumbel" improves a policy, of which there is none here.
        options = SearchOptions(simulations=simulations, root="puct")
        name, threads = f"rollouts:{options.simulations}", usable_threads()
        super().__init__(name, rules, options, threads, key, ROLLOUT_ROWS)

    def _evaluator(self, key: int) -> Evaluator:
        return rollout_evaluator(self._code, key)


def rollout_evaluator(code: int, key: int) -> Evaluator:
    """Judges positions by one random playout each, and has no policy.

    Args:
        code: the rule set's number.
        key: random key of the playouts; a position's own depends on it and on the position alone.
    """

    def evaluate(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = np.empty(len(positions), np.float32)
        _playout_values(positions, code, key, values)
        return values, np.zeros((len(positions), NUM_ACTIONS), np.float32)

    return evaluate


@jit
def _random_actions(positions: np.ndarray, code: int, keys: np.ndarray, out: np.ndarray) -> None:
    for i in range(positions.shape[0]):
        out[i] = random_action(positions[i], code, keys[i])


@jit
def _playout_values(positions: np.ndarray, code: int, key: int, out: np.ndarray) -> None:
    """The outcome of one playout from each position.

    The position is part of the playout's key and its row is not: the result does not depend on the batch.
    """
    for i in range(positions.shape[0]):
        out[i] = playout(positions[i], code, draw(key, positions[i]), PLAYOUT_LIMIT)[0]
