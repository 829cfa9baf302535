"""Self-play against the bare network: evaluations/s, simulations/s without and with a cache, measured in turns.

The ratio is what the search leaves of the network's speed. It counts leaves that need no network, too: those that
end a game, and with a cache those that it remembers, so that it can exceed 1.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from pylos.cache import CachedEvaluator
from pylos.games import GameOptions
from pylos.inference import PRECISIONS, NetworkEvaluator, fastest_precision, single_threaded_torch
from pylos.network import SQUARE, PylosNetwork
from pylos.observation import OBSERVATION_SIZE
from pylos.replay import ReplayBuffer
from pylos.rules import NUM_ACTIONS, RULES
from pylos.search import SearchOptions
from pylos.selfplay import SelfPlay

GAMES = 512
SIMULATIONS = 64
CACHE_SIZE = 200_000
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
    network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS, symmetries=SQUARE)
    precision = fastest_precision(network, device, GAMES // threads)
    options = SearchOptions(simulations=SIMULATIONS, dirichlet_fraction=0.25)
    selfplay = SelfPlay(GAMES, RULE_SET, options, GameOptions(), seed=0, threads=threads)
    buffer = ReplayBuffer(200_000, options.width)
    judge = NetworkEvaluator(network, RULE_SET, device, precision)
    evaluations: list[float] = []
    simulations: dict[int, list[float]] = {0: [], CACHE_SIZE: []}
    shares = []
    with single_threaded_torch():
        # Compiles, and spreads the games over all plies.
        selfplay.play(GAMES, CachedEvaluator(judge, RULE_SET, 0), buffer)
        for _ in range(ROUNDS):
            evaluations.append(evaluations_per_second(network, device, precision, threads))
            for size, speeds in simulations.items():
                evaluate = CachedEvaluator(judge, RULE_SET, size)
                stats = selfplay.play(GAMES // 2, evaluate, buffer)
                speeds.append(stats.positions * SIMULATIONS / stats.seconds)
            shares.append(evaluate.network_share)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{device}, {threads} threads, {precision}, {parameters:,} parameters, {GAMES} games at once")
    rows = {"network evaluations/s": evaluations}
    for size, speeds in simulations.items():
        kind = "with cache" if size else "no cache"
        rows |= {f"simulations/s, {kind}": speeds, f"ratio, {kind}": list(np.array(speeds) / evaluations)}
    rows["share of leaves evaluated"] = shares
    for title, values in rows.items():
        form = ",.0f" if max(values) > 100 else ".2f"
        print(
            f"{title:26} {statistics.median(values):10{form}}   ({min(values):{form}} to {max(values):{form}})"
        )


if __name__ == "__main__":
    main()
