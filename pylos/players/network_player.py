"""The player that searches with a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS, legal_actions, rules_code
from pylos.kernels.jit import jit
from pylos.network.checked_evaluator import CheckedEvaluator
from pylos.network.onnx_network import OnnxEvaluator, OnnxNetwork
from pylos.network.threads import search_threads, single_threaded_torch
from pylos.players.search_player import ROWS, SearchPlayer
from pylos.search.evaluator import Evaluator
from pylos.search.history import History
from pylos.search.options import MOST_SIMULATIONS, network_options
from pylos.search.softmax import exponentials
from pylos.system.machine import usable_threads
from pylos.system.options import Range, checked_options

if TYPE_CHECKING:
    from torch import nn

SIMULATIONS = {"simulations": Range(int, 0, MOST_SIMULATIONS)}
"""What an agent may use per decision; 0 is the bare policy."""


class NetworkPlayer(SearchPlayer):
    """Searches with a network, and without noise.

    With few simulations the root "gumbel" is better than to play by visits (docs/experiments.md).

    Args:
        name: what matches call it.
        network: of torch: maps observations [B, 184] to the logits of win, draw and loss [B, 3], and log policies
            [B, 303]; the player uses a copy. Or one of ONNX.
        rules: name of the rule set.
        simulations: per decision; 0 plays the likeliest action of the bare policy.
        device: a torch device, for a network of torch.
        precision: "float32" or "bfloat16", for a network of torch.
        key: names its random stream.
        weights_digest: of the checkpoint that the network is from, if it is from one.
        root: how it searches at the root: "gumbel", "puct", or a name given to `pylos.register_root`.

    Raises:
        ConfigurationError: there is no such precision or root, or `simulations` is out of its range.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module | OnnxNetwork,
        rules: str,
        simulations: int = 64,
        device: str = "cpu",
        precision: str = "float32",
        key: int = 0,
        weights_digest: str = "",
        root: str = "gumbel",
    ) -> None:
        code = rules_code(rules)
        self.network: CheckedEvaluator
        """What judges positions, and remembers nothing."""
        if isinstance(network, OnnxNetwork):
            self.network, threads = OnnxEvaluator(network, code, name), usable_threads()
        else:
            import torch  # here, because players without such a network do without torch

            from pylos.network.evaluator import NetworkEvaluator

            self.network = NetworkEvaluator(network, code, device, precision, name)
            threads = search_threads(torch.device(device), ROWS)
        self.simulations: int = checked_options({"simulations": simulations}, SIMULATIONS)["simulations"]
        super().__init__(name, rules, network_options(max(self.simulations, 1), root), threads, key)
        self.weights_digest = weights_digest
        self.evaluator = self.network.cached()
        """What judges the leaves of its searches."""

    def _evaluator(self, key: int) -> Evaluator:
        return self.evaluator

    def search(self, positions: np.ndarray, history: History, key: int) -> tuple[np.ndarray, np.ndarray]:
        """See `SearchPlayer.search`; a player of the bare policy gives its probabilities, float32 [B, K]."""
        with single_threaded_torch():
            if self.simulations:
                return super().search(positions, history, key)
            actions = np.zeros((len(positions), MAX_LEGAL_ACTIONS), np.int16)
            weights = np.zeros(actions.shape, np.float32)
            _policies(positions, self._code, self.network(positions)[1], actions, weights)
            return actions, weights

    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        if self.simulations:
            return super()._choose(positions, history, key)
        actions = np.empty(len(positions), np.int64)
        _likeliest_actions(positions, self._code, self.network(positions)[1], actions)
        return actions


@jit
def _policies(
    positions: np.ndarray, code: int, log_policy: np.ndarray, actions: np.ndarray, weights: np.ndarray
) -> None:
    """Writes the legal actions of each position to a row of zeros, and their probabilities by the policy."""
    legal, scores = np.zeros(MAX_LEGAL_ACTIONS, np.int64), np.zeros(MAX_LEGAL_ACTIONS)
    for i in range(positions.shape[0]):
        n = legal_actions(positions[i], code, legal)
        for k in range(n):
            actions[i, k], scores[k] = legal[k], log_policy[i, legal[k]]
        total = exponentials(scores, n)
        for k in range(n):
            weights[i, k] = scores[k] / total


@jit
def _likeliest_actions(positions: np.ndarray, code: int, log_policy: np.ndarray, out: np.ndarray) -> None:
    """Writes the legal action with the greatest log policy of each position; the first of equals."""
    actions = np.zeros(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(positions.shape[0]):
        n = legal_actions(positions[i], code, actions)
        out[i] = actions[0]
        for k in range(1, n):
            if log_policy[i, actions[k]] > log_policy[i, out[i]]:
                out[i] = actions[k]
