"""The same network by torch and by onnxruntime: how soon a command starts, how fast it searches, what it chooses.

    python benchmarks/startup.py

Commands run in processes of their own, in turns; the first start after an installation compiles for a minute, so they
run once before. The choices are those of all agents that ship, in every position of their suites.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from play import server
from rich.console import Console
from rich.table import Table

from pylos.game.rules import RULES, rules_code, step
from pylos.game.symmetry import canonical_image
from pylos.network.checked_evaluator import CheckedEvaluator
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.threads import single_threaded_torch
from pylos.players.naming import CHECKPOINT, ONNX, load_trained, make_player, reference_file
from pylos.players.network_player import NetworkPlayer
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.system.machine import usable_threads
from pylos.truth.suite import load_suite

ROUNDS = 5
WARM_UPS = 1
SUFFIXES = {"torch": CHECKPOINT, "onnxruntime": ONNX}
POSITIONS, SIMULATIONS = 512, 64
BATCHES = 8, 64, 256
CALLS = 100
EVERY = 1
"""Of how many positions of a suite one is compared."""
RULE_SET = "standard"
RULE_SETS = tuple(rules for rules in RULES if not rules.startswith("mini-"))
MAKE_AND_MOVE = """
import time
start = time.perf_counter()
import pylos
player = pylos.make_player({path!r} + ":64")
made = time.perf_counter()
player.choose([pylos.Board()])
print(made - start, time.perf_counter() - made)
"""


# Starting ----------------------------------------------------------------------------------------------------


def starts(path: str) -> dict[str, float]:
    """Seconds until each command is done, or ready, with the network of a file."""
    pylos = str(Path(sys.executable).with_name("pylos"))
    found = {"pylos match NETWORK random --games 2": timed(pylos, "match", path, "random", "--games", "2")}
    found["pylos analyse --ckpt_path NETWORK"] = timed(pylos, "analyse", "--ckpt_path", path)
    code = MAKE_AND_MOVE.format(path=path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found["make_player, in Python"], found["its first move"] = map(float, done.stdout.split())
    with server(path) as (_, address, seconds):
        found["pylos play --ckpt_path NETWORK, until it is ready"] = seconds
        found["its first reply"] = first_reply(address)
    return found


def timed(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def first_reply(address: str) -> float:
    """Seconds until the page's opponent has answered."""
    body = {"game": {"rules": RULE_SET, "actions": []}, "opponent": "given@64", "seed": 1}
    url, headers = f"{address.rstrip('/')}/api/1/move", {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    return time.perf_counter() - start


# Searching ---------------------------------------------------------------------------------------------------


def speeds() -> dict[str, dict[str, float]]:
    """Evaluations and simulations a second of each evaluator, by what was done."""
    code, rules = rules_code(RULE_SET), RULE_SET
    suite = load_suite(rules)
    assert suite is not None
    positions = suite.positions[:: len(suite) // POSITIONS][:POSITIONS]
    network = load_trained("reference", rules).network
    evaluators: dict[str, CheckedEvaluator] = {
        "torch": NetworkEvaluator(network, code, "cpu", "float32"),
        "torch, bfloat16": NetworkEvaluator(network, code, "cpu", "bfloat16"),
        "onnxruntime": make_player("reference", rules).network,
    }
    threads = usable_threads()
    search = Search(len(positions), code, network_options(SIMULATIONS), threads)
    found: dict[str, dict[str, list[float]]] = {}
    with single_threaded_torch():
        for _ in range(ROUNDS):
            for name, evaluate in evaluators.items():
                row = found.setdefault(name, {})
                for size in BATCHES:
                    speed = evaluations_per_second(evaluate, positions[:size], threads)
                    row.setdefault(f"evaluations/s, batches of {size}", []).append(speed)
                for what, judge in (("", evaluate), (", with the cache", evaluate.cached())):
                    start = time.perf_counter()
                    search.run(positions, judge, np.zeros(len(positions), np.int64))
                    speed = len(positions) * SIMULATIONS / (time.perf_counter() - start)
                    row.setdefault(f"simulations/s{what}", []).append(speed)
    return {name: {what: statistics.median(v) for what, v in row.items()} for name, row in found.items()}


def evaluations_per_second(evaluate: CheckedEvaluator, positions: np.ndarray, threads: int) -> float:
    """The evaluator alone, asked by several threads."""

    def ask(_: int) -> None:
        for _ in range(CALLS):
            evaluate(positions)

    evaluate(positions)
    with ThreadPoolExecutor(threads) as executor:
        start = time.perf_counter()
        list(executor.map(ask, range(threads)))
        return threads * CALLS * len(positions) / (time.perf_counter() - start)


# Choosing ----------------------------------------------------------------------------------------------------


def agreement(rules: str, simulations: int) -> list[str]:
    """How often both choose the same in the suite of a rule set, and how often each keeps the exact value."""
    suite = load_suite(rules)
    assert suite is not None
    rows = np.arange(0, len(suite), EVERY)
    positions, code = suite.positions[rows], rules_code(rules)
    trained = NetworkPlayer("torch", load_trained("reference", rules).network, rules, simulations)
    choices = [p.choose(positions) for p in (make_player(f"reference:{simulations}", rules), trained)]
    images = [
        {canonical_image(step(position, action, code))[0] for action in actions}
        for position, *actions in zip(positions, *choices, strict=True)
    ]
    same, alike = int((choices[0] == choices[1]).sum()), sum(len(image) == 1 for image in images)
    kept = [f"{suite.keeping[rows, chosen].mean():.4f}" for chosen in choices]
    return [rules, str(simulations), f"{len(rows):,}", f"{same:,}", f"{alike:,}", *kept]


def show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*row)
    Console(width=120).print(table)


def main() -> None:
    paths = {name: str(reference_file(RULE_SET, suffix)) for name, suffix in SUFFIXES.items()}
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
    for number in range(WARM_UPS + ROUNDS):
        for name, path in paths.items():
            found = starts(path)
            if number >= WARM_UPS:
                rounds[name].append(found)
    medians = {
        name: {what: statistics.median(one[what] for one in found) for what in found[0]}
        for name, found in rounds.items()
    }
    rows = [
        [what, *(f"{medians[name][what]:.2f} s" for name in paths)] for what in next(iter(medians.values()))
    ]
    show(f"starting, median of {ROUNDS}", ["", *paths], rows)
    found = speeds()
    rows = [[what, *(f"{row[what]:,.0f}" for row in found.values())] for what in found["torch"]]
    show(f"searching {POSITIONS} positions, {usable_threads()} threads", ["", *found], rows)
    columns = [
        "rules",
        "simulations",
        "positions",
        "same choice",
        "or its image",
        "kept, onnxruntime",
        "kept, torch",
    ]
    show(
        "choosing",
        columns,
        [agreement(rules, simulations) for rules in RULE_SETS for simulations in (0, SIMULATIONS)],
    )


if __name__ == "__main__":
    main()
