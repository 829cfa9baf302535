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

    Among equally good actions chance decides by the position alone, so that it does not matter how many processes
    share the positions.

    Args:
        network: see `NetworkEvaluator`.
        rules: name of the rule set.
        simulations: per decision, at least 1.
        device: where to compute.
    """

    def __init__(self, network: nn.Module, rules: str, simulations: int, device: torch.device) -> None:
        code = rules_code(rules)
        self._evaluate = NetworkEvaluator(network, code, device, "float32").cached()
        self._search = Search(
            SUITE_BATCH, code, network_options(simulations), search_threads(device, SUITE_BATCH)
        )

    def choose(self, positions: np.ndarray) -> np.ndarray:
        """The actions [B] that it plays in positions [B <= SUITE_BATCH], none of them the end of a game."""
        with single_threaded_torch():
            return self._search.choose(positions, self._evaluate, keys=positions)
