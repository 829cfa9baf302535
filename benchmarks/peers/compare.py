"""Self-play of this package beside what a user would pick instead: the same number of simulations, the same layers.

Each peer runs in an environment of its own in `$PYLOS_HOME/peers`, made on the first call, or in this one if its
packages are here; one that cannot be installed is left out with a line that says so. OpenSpiel and pgx have no Pylos:
they play Othello, whose rules are cheaper and whose positions have fewer legal actions.

    python benchmarks/peers/compare.py [cuda]

With `cuda` this package and the peer that JAX compiles play on the GPU, in bfloat16, each with several numbers of games
at once, of which the fastest counts.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
import venv
from importlib.util import find_spec
from pathlib import Path

import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import PylosNetwork
from pylos.network.threads import search_threads, single_threaded_torch
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches
from pylos.system.home import home

SIMULATIONS, GAMES = 64, 512
SECONDS = {"cpu": 30.0, "cuda": 5.0}
DEVICE_GAMES = (4_096, 16_384, 65_536)
PRECISION = {"cpu": "float32", "cuda": "bfloat16"}
JAX = ["mctx==0.0.71", "pgx==2.6.0", "jax==0.7.1"]
PEERS = {
    "mctx and pgx (JAX), 512 games": ("jax_search.py", JAX, [str(GAMES)]),
    "OpenSpiel, Python search": ("openspiel.py", ["open_spiel==2.0.2", "numpy"], []),
    "plain Python, batch of 1": ("hobby.py", [], []),
}
DEVICE_JAX = ["mctx==0.0.71", "pgx==2.6.0", "jax[cuda13]"]
DEVICE_PEERS = {
    f"mctx and pgx (JAX), {games:,} games": ("jax_search.py", DEVICE_JAX, [str(games), PRECISION["cuda"]])
    for games in DEVICE_GAMES
}


def ours(device: torch.device, games: int) -> float:
    """Positions/s of this package's self-play."""
    torch.manual_seed(0)
    network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS)
    options, rules = dataclasses.replace(SELFPLAY_SEARCH, simulations=SIMULATIONS), RULES["standard"]
    threads = search_threads(device, games)
    searches = make_searches(games, rules, options, threads, device)
    selfplay = SelfPlay(searches, rules, options, GameOptions(), key=0, threads=threads)
    buffer = ReplayBuffer(200_000, options.width)
    judge = NetworkEvaluator(network, rules, device, PRECISION[device.type])
    with single_threaded_torch():
        selfplay.play(games, judge.cached(), buffer)  # compiles, and spreads the games over all plies
        positions, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS[device.type]:
            judge.load(network)
            positions += selfplay.play(games, judge.cached(), buffer).positions
        return positions / (time.perf_counter() - start)


def interpreter(name: str, packages: list[str]) -> str:
    """The interpreter of an environment with these packages; this one if they are here."""
    if all(find_spec(re.split(r"\W", package)[0]) for package in packages):
        return sys.executable
    folder = home() / "peers" / name
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists() or done.read_text() != repr(packages):
        venv.create(folder, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=True, capture_output=True, text=True)
        done.write_text(repr(packages))
    return str(python)


def measure(python: str, script: str, options: list[str], seconds: float) -> float:
    """Positions/s of a peer."""
    here = Path(__file__).parent
    command = [python, str(here / script), str(SIMULATIONS), str(seconds), *options]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=here, env=environment)
    return float(json.loads(done.stdout.splitlines()[-1])["positions_per_second"])


def main(kind: str = "cpu") -> None:
    """Prints a table."""
    device, cuda = torch.device(kind), kind == "cuda"
    speeds = {games: ours(device, games) for games in (DEVICE_GAMES if cuda else (GAMES,))}
    best = max(speeds.values())
    where = torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} threads"
    print(f"{SIMULATIONS} simulations a position, {where}, {PRECISION[kind]}\n")
    print(f"{'':36}{'positions/s':>14}{'ratio':>10}")
    for games, speed in speeds.items():
        print(f"{f'this package, {games:,} games':36}{speed:14,.1f}{speed / best:10.4f}", flush=True)
    pythons: dict[str, str | None] = {}  # None: it cannot be installed, which is tried once
    for name, (script, packages, options) in (DEVICE_PEERS if cuda else PEERS).items():
        try:
            if script not in pythons:
                pythons[script] = None
                pythons[script] = interpreter(Path(script).stem, packages)
            python = pythons[script]
            if python is None:
                continue
            speed = measure(python, script, options, SECONDS[kind])
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or "").strip().splitlines() or [str(error)]
            print(f"{name:36} left out: {lines[-1][:120]}", flush=True)
        else:
            print(f"{name:36}{speed:14,.1f}{speed / best:10.4f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
