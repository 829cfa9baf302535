"""The search that is measured against the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pylos.game.rules import rules_code
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.threads import search_threads, single_threaded_torch
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.truth.batches import SUITE_BATCH


class Searcher:
    """Searches as a `NetworkPlayer` does, without noise.

    The choice among equally good actions depends on the position alone. So it does not matter how many processes share
    the positions.

    Args:
        network: see `NetworkEvaluator`.
        rules: the name of the rule set.
        simulations: simulations per decision, at least 1.
        device: the device on which the network runs.
    """

    def __init__(self, network: nn.Module, rules: str, simulations: int, device: torch.device) -> None:
        code = rules_code(rules)
        self._evaluate = NetworkEvaluator(network, code, device, "float32").cached()
        self._search = Search(
            SUITE_BATCH, code, network_options(simulations), search_threads(device, SUITE_BATCH)
        )

    def choose(self, positions: np.ndarray) -> np.ndarray:
        """Searches positions and chooses an action in each.

        Args:
            positions: int64 [B] at most SUITE_BATCH packed positions, none of them the end of a game.

        Returns:
            int64 [B] the actions.

        Raises:
            NonFiniteNetworkError: the network's answers are not finite numbers.
        """
        with single_threaded_torch():
            return self._search.choose(positions, self._evaluate, keys=positions)
