"""The player of a level."""

from __future__ import annotations

import numpy as np

from pylos.kernels.randomness import draw, draw_keys
from pylos.players.levels import Level, draw_action
from pylos.players.network_player import NetworkPlayer
from pylos.players.player import KeyedPlayer
from pylos.players.search_player import SearchPlayer
from pylos.search.history import History


class LevelPlayer(KeyedPlayer):
    """Searches, if its level has simulations, and draws an action at the temperature of the level.

    Args:
        level: the level.
        agent: who searches for it, with the level's simulations.
        key: names its random stream.
    """

    def __init__(self, level: Level, agent: SearchPlayer, key: int = 0) -> None:
        super().__init__(f"level:{level.name}", level.rules, key)
        self.level = level
        self.agent = agent

    @property
    def exact_name(self) -> str:
        """Its name with all that it plays by: the digest of the weights, the simulations and the temperature."""
        weights = f"{self.agent.weights_digest}:" if isinstance(self.agent, NetworkPlayer) else ""
        return f"{self.name}-{weights}{self.level.simulations}:{self.level.temperature:g}"

    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        actions, weights = self.agent.search(positions, history, key)
        keys, temperature = draw_keys(draw(key, 2), len(positions)).tolist(), self.level.temperature
        rows = zip(actions, weights, keys, strict=True)
        return np.array([draw_action(*row[:2], temperature, row[2]) for row in rows], np.int64)
