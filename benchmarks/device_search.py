"""The search on a CUDA device: trees alone and with the network, in other orders of memory, and kernel by kernel."""

from __future__ import annotations

import time

import numpy as np
import torch

from pylos.game.playouts import random_action
from pylos.game.rules import NUM_ACTIONS, RULES, is_over, step
from pylos.kernels.randomness import draw
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import pylos_network
from pylos.search.cuda.available import SIMULATED, device_search_missing
from pylos.search.evaluator import DeviceEvaluator
from pylos.search.options import SearchOptions

SIZES = 4_096, 16_384, 65_536
MIDDLE = 16_384
"""The number of games with which ways to search are compared."""
SIMULATIONS = 64
SECONDS = 1.0
"""Time for one figure."""
WAYS = {"as it is": {}, "trees by column": {"by_column": True}, "a graph each": {"simulations_per_graph": 1}}
RULE_SET = RULES["standard"]


class NoNetwork:
    """Leaves the values at 0 and the log policies as they are: what is left is the cost of the trees."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def enqueue(self, observations: torch.Tensor, values: torch.Tensor, log_policy: torch.Tensor) -> None:
        """There is nothing to do."""


def positions_of_all_plies(n: int) -> np.ndarray:
    """Positions after 0 to 35 random actions."""
    found = np.zeros(n, np.int64)
    for i in range(n):
        for ply in range(i % 36):
            after = step(found[i], random_action(found[i], RULE_SET, draw(i, ply)), RULE_SET)
            if is_over(after, RULE_SET):
                break
            found[i] = after
    return found


def report(name: str, games: int, evaluate: DeviceEvaluator, **way: object) -> None:
    """Times searches of that many games."""
    from pylos.search.cuda.device_search import DeviceSearch

    positions = np.resize(positions_of_all_plies(min(games, 4_096)), games)
    options = SearchOptions(simulations=SIMULATIONS, root="gumbel", gumbel_scale=1.0)
    start = time.perf_counter()
    search = DeviceSearch(games, RULE_SET, options, evaluate.device, **way)
    # Policies that stand still, but are not flat: so trees have the depths of self-play.
    policy = torch.from_numpy(np.random.default_rng(0).normal(-6, 2, (games, NUM_ACTIONS)).astype(np.float32))
    search._trees.batch[2].copy_(policy)
    search.run(positions, evaluate, np.arange(games))
    ready, start, runs = time.perf_counter() - start, time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        search.run(positions, evaluate, np.arange(runs, runs + games))
        runs += 1
    seconds = (time.perf_counter() - start) / runs
    print(
        f"{games:6} games, {name:28} {1e3 * seconds:8.2f} ms a search, "
        f"{1e6 * seconds / (SIMULATIONS + 1):7.1f} us a simulation of all, "
        f"{games * SIMULATIONS / seconds / 1e6:7.2f} million simulations/s; ready after {ready:.1f} s",
        flush=True,
    )


def show_kernels(device: torch.device) -> None:
    """Prints which kernels take the time of a search."""
    from torch.profiler import ProfilerActivity, profile

    from pylos.search.cuda.device_search import DeviceSearch

    options = SearchOptions(simulations=SIMULATIONS, root="gumbel", gumbel_scale=1.0)
    evaluate = NetworkEvaluator(pylos_network(256, 4), RULE_SET, device, "bfloat16")
    search = DeviceSearch(MIDDLE, RULE_SET, options, device)
    positions = np.resize(positions_of_all_plies(4_096), MIDDLE)
    search.run(positions, evaluate, np.arange(MIDDLE))
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        search.run(positions, evaluate, np.arange(MIDDLE))
    print(
        profiler.key_averages().table(sort_by="self_cuda_time_total", row_limit=15, max_name_column_width=60)
    )


def main() -> None:
    device = torch.device("cpu" if SIMULATED else "cuda")
    if missing := device_search_missing(device, SearchOptions()):
        print(f"nothing is timed: {missing}")
        return
    if not SIMULATED:
        print(torch.cuda.get_device_name(device))
    for name, way in WAYS.items():
        report(f"trees alone, {name}", MIDDLE, NoNetwork(device), **way)
    for games in SIZES:
        torch.manual_seed(0)
        evaluate = NetworkEvaluator(pylos_network(256, 4), RULE_SET, device, "bfloat16")
        report("trees alone", games, NoNetwork(device))
        report("network 256 x 4, bfloat16", games, evaluate)
    if not SIMULATED:
        show_kernels(device)


if __name__ == "__main__":
    main()
