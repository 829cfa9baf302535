"""Self-play against the bare network: evaluations/s, simulations/s without and with a cache, measured in turns.

The ratio is what the search leaves of the network's speed. It counts leaves that need no network, too: those that
end a game, and with a cache those that it remembers, so that it can exceed 1. On a GPU nothing is remembered; there the
search on the device is timed beside that on the host, and the network alone computes batches of a group of games.

    python benchmarks/selfplay.py [WIDTH BLOCKS [GAMES]]
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from network import seconds_of

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import PylosNetwork, pylos_network
from pylos.network.precision import fastest_precision
from pylos.network.threads import search_threads, single_threaded_torch
from pylos.search.cuda.available import device_search_missing
from pylos.search.search import BatchSearch, Search
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches

GAMES = {"cpu": 512, "cuda": 16_384}
SIMULATIONS = 64
CACHE_SIZE = 200_000
ROUNDS = 5
RULE_SET = RULES["standard"]


def evaluations_per_second(judge: NetworkEvaluator, games: int, threads: int) -> float:
    """The network alone, on ready observations, in as many threads and batches as self-play has."""
    rows, calls = games // threads, 100
    batch = torch.randn(rows, OBSERVATION_SIZE).to(judge.dtype)

    def work(_: int) -> None:
        with torch.inference_mode():
            for _ in range(calls):
                judge.network(batch)[0].float()

    with ThreadPoolExecutor(threads) as executor:
        start = time.perf_counter()
        list(executor.map(work, range(threads)))
        return threads * calls * rows / (time.perf_counter() - start)


def device_evaluations_per_second(judge: NetworkEvaluator, rows: int) -> float:
    """The network alone, on observations in the device's memory."""
    observations = torch.rand(rows, OBSERVATION_SIZE, device=judge.device).round()
    values, log_policy = torch.empty(rows), torch.empty(rows, NUM_ACTIONS)
    values, log_policy = values.to(judge.device), log_policy.to(judge.device)
    return rows / seconds_of(lambda: judge.enqueue(observations, values, log_policy), judge.device)


def on_device(network: PylosNetwork, device: torch.device, games: int) -> None:
    """Times the search on the device beside that on the host."""
    options = dataclasses.replace(SELFPLAY_SEARCH, simulations=SIMULATIONS)
    if missing := device_search_missing(device, options):
        print(f"the search on the device is left out: {missing}")
        return
    threads, precision = search_threads(device, games), "bfloat16"
    judge = NetworkEvaluator(network, RULE_SET, device, precision)
    alone = device_evaluations_per_second(judge, games // 2)
    print(f"{torch.cuda.get_device_name(device)}, {precision}, {games} games at once")
    print(f"{'network evaluations/s':26} {alone:14,.0f}")
    ways: dict[str, Callable[[], list[BatchSearch]]] = {
        "device": lambda: make_searches(games, RULE_SET, options, threads, device),
        "host": lambda: [Search(games, RULE_SET, options, threads)],
    }
    for name, searches in ways.items():
        # The openings spread the games over all plies.
        play = SelfPlay(
            searches(), RULE_SET, options, GameOptions(opening_plies=35), key=0, threads=threads
        ).play
        buffer = ReplayBuffer(200_000, options.width)
        play(games // 8, judge, buffer)  # compiles, and captures
        rounds = [play(games // (8 if name == "host" else 1), judge, buffer) for _ in range(2)]
        for stats in rounds:
            speed = stats.positions * SIMULATIONS / stats.seconds
            print(
                f"{'simulations/s, ' + name:26} {speed:14,.0f} {speed / alone:6.2f} of the network alone; "
                f"searching {stats.searching / stats.seconds:.2f}, waiting {stats.waiting / stats.seconds:.2f} "
                f"of the time",
                flush=True,
            )


def main(width: str = "256", blocks: str = "4", parallel_games: str = "") -> None:
    """Times them on this machine's GPU, or else on its CPU."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    games = int(parallel_games or GAMES[device.type])
    torch.manual_seed(0)
    network = pylos_network(int(width), int(blocks))
    if device.type == "cuda":
        with single_threaded_torch():
            on_device(network, device, games)
    else:
        on_host(network, device, games)


def on_host(network: PylosNetwork, device: torch.device, games: int) -> None:
    """Times self-play without and with a cache beside the network alone."""
    threads = search_threads(device, games)
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
