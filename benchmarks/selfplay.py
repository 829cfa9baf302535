"""Self-play against the bare network: evaluations/s, simulations/s without and with a cache, measured in turns.

The ratio is what the search leaves of the network's speed. It counts leaves that need no network, too: those that
end a game, and with a cache those that it remembers, so that it can exceed 1. On a GPU nothing is remembered.

    python benchmarks/selfplay.py [WIDTH BLOCKS [GAMES]]
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.fixed_batch import ROWS, FixedBatch
from pylos.network.network import pylos_network
from pylos.network.precision import fastest_precision
from pylos.network.threads import search_threads, single_threaded_torch
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches

GAMES = 512
SIMULATIONS = 64
CACHE_SIZE = 200_000
ROUNDS = 5
RULE_SET = RULES["standard"]


def evaluations_per_second(judge: NetworkEvaluator, games: int, threads: int) -> float:
    """The network alone, on ready observations, in as many threads and batches as self-play has."""
    rows, calls = games // threads, 100
    batch = torch.randn(rows, OBSERVATION_SIZE).to(judge.dtype)
    fixed = [
        FixedBatch(judge.network, judge.device, judge.dtype)
        for _ in range(threads if judge.on_accelerator else 0)
    ]

    def work(thread: int) -> None:
        with torch.inference_mode():
            for _ in range(calls):
                if fixed:
                    fixed[thread].launch()
                else:
                    judge.network(batch)[0].float()

    with ThreadPoolExecutor(threads) as executor:
        start = time.perf_counter()
        list(executor.map(work, range(threads)))
        return threads * calls * (ROWS if fixed else rows) / (time.perf_counter() - start)


def main(width: str = "256", blocks: str = "4", parallel_games: str = "") -> None:
    device, games = torch.device("cuda" if torch.cuda.is_available() else "cpu"), int(parallel_games or GAMES)
    threads = search_threads(device, games)
    torch.manual_seed(0)
    network = pylos_network(int(width), int(blocks))
    precision = fastest_precision(network, device, games // threads)
    options = dataclasses.replace(SELFPLAY_SEARCH, simulations=SIMULATIONS)
    searches = make_searches(games, RULE_SET, options, threads, device)
    selfplay = SelfPlay(searches, RULE_SET, options, GameOptions(), key=0, threads=threads)
    buffer = ReplayBuffer(200_000, options.width)
    judge = NetworkEvaluator(network, RULE_SET, device, precision)
    evaluations: list[float] = []
    simulations: dict[int, list[float]] = {0: [], CACHE_SIZE: []}
    shares = []
    with single_threaded_torch():
        # Compiles, and spreads the games over all plies.
        selfplay.play(games, judge.cached(0), buffer)
        for _ in range(ROUNDS):
            evaluations.append(evaluations_per_second(judge, games, threads))
            for size, speeds in simulations.items():
                evaluate = judge.cached(size)
                stats = selfplay.play(games // 2, evaluate, buffer)
                speeds.append(stats.positions * SIMULATIONS / stats.seconds)
            shares.append(evaluate.network_share)
    parameters = sum(p.numel() for p in network.parameters())
    print(f"{device}, {threads} threads, {precision}, {parameters:,} parameters, {games} games at once")
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
    main(*sys.argv[1:])
