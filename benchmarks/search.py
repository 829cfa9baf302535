"""Where the time of a simulation goes, on one thread: tree, cache, observation, network."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import torch
from epoch import measured

import pylos.network.evaluator
import pylos.search.search
from pylos.game.rules import RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import pylos_network
from pylos.network.threads import single_threaded_torch
from pylos.search.cached_evaluator import CachedEvaluator
from pylos.search.own_root import ROOTS
from pylos.search.search import Search
from pylos.selfplay.groups import SearchTimes
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches

GAMES, SIMULATIONS, PLIES = 256, 32, 40
RULE_SET = RULES["standard"]
PARTS: dict[str, tuple[Any, str]] = {
    "search": (Search, "run"),
    "root": (pylos.search.search, "choose_root_edges"),
    "select": (pylos.search.search, "select"),
    "expand, back up": (pylos.search.search, "expand"),
    "cache": (CachedEvaluator, "__call__"),
    "network": (NetworkEvaluator, "__call__"),
    "observe": (pylos.network.evaluator, "observe_all"),
}
INSIDE = {
    "network": ("observe",),
    "cache": ("network",),
    "search": ("root", "select", "expand, back up", "cache"),
}
"""What runs within a part and is not its own."""


def seconds_of_parts(root: str) -> tuple[dict[str, float], int, float]:
    """The seconds of every part, the simulations, and the share of leaves that the network judged."""
    torch.manual_seed(0)
    network = pylos_network(width=256, blocks=4)
    options = dataclasses.replace(SELFPLAY_SEARCH, simulations=SIMULATIONS, root=root)
    searches = make_searches(GAMES, RULE_SET, options, 1, torch.device("cpu"))
    selfplay = SelfPlay(searches, RULE_SET, options, GameOptions(opening_plies=35), key=0)
    buffer = ReplayBuffer(10_000, options.width)
    totals, searching = np.zeros(4), SearchTimes()
    with single_threaded_torch():
        evaluate = NetworkEvaluator(network, RULE_SET, "cpu", "float32").cached()
        selfplay._play_ply(GAMES * PLIES, evaluate, buffer, totals, searching)  # compiles
        evaluate = NetworkEvaluator(network, RULE_SET, "cpu", "float32").cached()
        with measured(PARTS) as times:
            start = time.perf_counter()
            for _ in range(PLIES):
                selfplay._play_ply(GAMES * PLIES, evaluate, buffer, totals, searching)
            whole = time.perf_counter() - start
    total = {name: sum(took for _, took in times[name]) for name in PARTS}
    own = {name: total[name] - sum(total[inner] for inner in INSIDE.get(name, ())) for name in PARTS}
    own["games"] = whole - total["search"]
    return own, PLIES * GAMES * SIMULATIONS, evaluate.network_share


def main() -> None:
    for root in ROOTS:
        seconds, simulations, share = seconds_of_parts(root)
        whole = sum(seconds.values())
        print(
            f"{root}: {1e6 * whole / simulations:.2f} us a simulation, {share:.2f} of the leaves for the network"
        )
        for name, took in seconds.items():
            print(f"  {name:16} {1e6 * took / simulations:7.2f} us   {took / whole:6.1%}")


if __name__ == "__main__":
    main()
