"""Self-play against the bare network: evaluations/s, simulations/s, and their ratio, measured in turns.

The ratio is what the search leaves of the network's speed. It counts leaves that need no network, too, so that it
can exceed 1.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from pylos.inference import PRECISIONS, NetworkEvaluator, fastest_precision, single_threaded_torch
from pylos.network import PylosNetwork
from pylos.observation import OBSERVATION_SIZE
from pylos.replay import ReplayBuffer
from pylos.rules import NUM_ACTIONS, RULES
from pylos.search import SearchOptions, max_visited
from pylos.selfplay import GameOptions, SelfPlay

GAMES = 512
SIMULATIONS = 32
ROUNDS = 5
RULE_SET = RULES["standard"]


def evaluations_per_second(network: torch.nn.Module, device: str, precision: str, threads: int) -> float:
    """The network alone, on ready observations, in as many threads and batches as self-play has."""
    dtype, rows, calls = PRECISIONS[precision], GAMES // threads, 100
    copy = NetworkEvaluator(network, RULE_SET, device, precision)._network
    batch = torch.randn(rows, OBSERVATION_SIZE).to(device, dtype)

    def work(_: int) -> None:
        with torch.inference_mode():
            for _ in range(calls):
                copy(batch)[0].float().cpu()

    with ThreadPoolExecutor(threads) as executor:
        start = time.perf_counter()
        list(executor.map(work, range(threads)))
        return threads * calls * rows / (time.perf_counter() - start)


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS)
    precision = fastest_precision(network, device, GAMES // threads)
    options = SearchOptions(simulations=SIMULATIONS, dirichlet_fraction=0.25)
    selfplay = SelfPlay(GAMES, RULE_SET, options, GameOptions(), seed=0, threads=threads)
    buffer = ReplayBuffer(200_000, max_visited(SIMULATIONS))
    evaluate = NetworkEvaluator(network, RULE_SET, device, precision)
    evaluations, simulations = [], []
    with single_threaded_torch():
        selfplay.play(GAMES, evaluate, buffer)  # compiles, and spreads the games over all plies
        for _ in range(ROUNDS):
            evaluations.append(evaluations_per_second(network, device, precision, threads))
            stats = selfplay.play(GAMES // 4, evaluate, buffer)
            simulations.append(stats.positions * SIMULATIONS / stats.seconds)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{device}, {threads} threads, {precision}, {parameters:,} parameters, {GAMES} games at once")
    ratios = np.array(simulations) / np.array(evaluations)
    for title, values in (("network evaluations/s", evaluations), ("self-play simulations/s", simulations)):
        print(f"{title:24} {statistics.median(values):10,.0f}   ({min(values):,.0f} to {max(values):,.0f})")
    print(f"{'ratio':24} {np.median(ratios):10.2f}   ({ratios.min():.2f} to {ratios.max():.2f})")


if __name__ == "__main__":
    main()
