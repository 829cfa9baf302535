"""OpenSpiel's Python search with a prior and a value from a network, as its AlphaZero plays; on Othello."""

from __future__ import annotations

import functools
import json
import sys
import time

import numpy as np
import pyspiel
from network import forward, weights
from open_spiel.python.algorithms import mcts


class NetworkEvaluator(mcts.Evaluator):
    """Asks the network about one state at a time and, as OpenSpiel's own evaluator does, remembers the answers."""

    def __init__(self, inputs: int) -> None:
        self._layers = weights(inputs)
        self._ask = functools.lru_cache(1 << 16)(self._forward)

    def _forward(self, observation: bytes) -> tuple[np.ndarray, np.ndarray]:
        value, logits = forward(np, self._layers, np.frombuffer(observation, np.float32)[None])
        return value[0], logits[0]

    def evaluate(self, state: pyspiel.State) -> np.ndarray:
        """The value for each player."""
        value, _ = self._ask(np.array(state.observation_tensor(), np.float32).tobytes())
        sign = 1 if state.current_player() == 0 else -1
        return np.array([sign * value, -sign * value])

    def prior(self, state: pyspiel.State) -> list[tuple[int, float]]:
        """The legal actions with their probabilities."""
        legal = state.legal_actions()
        _, logits = self._ask(np.array(state.observation_tensor(), np.float32).tobytes())
        odds = np.exp(logits[legal] - logits[legal].max())
        return list(zip(legal, (odds / odds.sum()).tolist(), strict=True))


def main() -> None:
    """Plays for some seconds and prints the speed."""
    simulations, seconds = int(sys.argv[1]), float(sys.argv[2])
    game = pyspiel.load_game("othello")
    evaluator = NetworkEvaluator(int(np.prod(game.observation_tensor_shape())))
    rng = np.random.RandomState(0)
    bot = mcts.MCTSBot(
        game,
        1.5,
        simulations,
        evaluator,
        solve=False,
        random_state=rng,
        child_selection_fn=mcts.SearchNode.puct_value,
        dirichlet_noise=(0.25, 1.0),
    )
    state, positions = game.new_initial_state(), 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        root = bot.mcts_search(state)
        visits = np.array([child.explore_count for child in root.children], float)
        if state.move_number() >= 15:  # before that by chance, as in self-play: no two games are the same
            visits = visits == visits.max()
        state.apply_action(root.children[rng.choice(len(visits), p=visits / visits.sum())].action)
        state = game.new_initial_state() if state.is_terminal() else state
        positions += 1
    print(json.dumps({"positions_per_second": positions / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()
