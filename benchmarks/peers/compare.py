"""Self-play of this package beside what a user would pick instead: the same number of simulations, the same layers.

Each peer runs in an environment of its own in `$PYLOS_HOME/peers`, made on the first call; one that cannot be
installed is left out with a line that says so. OpenSpiel and pgx have no Pylos: they play Othello, whose rules are
cheaper and whose positions have fewer legal actions.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import PylosNetwork
from pylos.network.threads import single_threaded_torch
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches
from pylos.system.home import home

SIMULATIONS, SECONDS, GAMES = 64, 30.0, 512
JAX = ["mctx==0.0.71", "pgx==2.6.0", "jax==0.7.1"]
PEERS = {
    "mctx and pgx (JAX), 512 games": ("jax_search.py", JAX),
    "OpenSpiel, Python search": ("openspiel.py", ["open_spiel==2.0.2", "numpy"]),
    "plain Python, batch of 1": ("hobby.py", []),
}


def ours() -> float:
    """Positions/s of this package's self-play."""
    torch.manual_seed(0)
    network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS)
    options, rules = dataclasses.replace(SELFPLAY_SEARCH, simulations=SIMULATIONS), RULES["standard"]
    searches = make_searches(GAMES, rules, options, torch.get_num_threads(), torch.device("cpu"))
    selfplay = SelfPlay(searches, rules, options, GameOptions(), key=0)
    buffer = ReplayBuffer(200_000, options.width)
    evaluate = NetworkEvaluator(network, rules, "cpu", "float32").cached()
    with single_threaded_torch():
        selfplay.play(GAMES, evaluate, buffer)  # compiles, and spreads the games over all plies
        positions, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            evaluate = NetworkEvaluator(network, rules, "cpu", "float32").cached()
            positions += selfplay.play(GAMES, evaluate, buffer).positions
        return positions / (time.perf_counter() - start)


def interpreter(name: str, packages: list[str]) -> str:
    """The interpreter of an environment with these packages; this one if there are none."""
    if not packages:
        return sys.executable
    folder = home() / "peers" / name
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists() or done.read_text() != repr(packages):
        venv.create(folder, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=True, capture_output=True, text=True)
        done.write_text(repr(packages))
    return str(python)


def measure(script: str, packages: list[str]) -> float:
    """Positions/s of a peer."""
    python, here = interpreter(Path(script).stem, packages), Path(__file__).parent
    command = [python, str(here / script), str(SIMULATIONS), str(SECONDS)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=here, env=environment)
    return float(json.loads(done.stdout.splitlines()[-1])["positions_per_second"])


def main() -> None:
    """Prints a table."""
    mine = ours()
    print(f"{SIMULATIONS} simulations a position, {torch.get_num_threads()} threads\n")
    print(f"{'':32}{'positions/s':>12}{'ratio':>10}")
    print(f"{f'this package, {GAMES} games':32}{mine:12,.1f}{1:10}")
    for name, (script, packages) in PEERS.items():
        try:
            speed = measure(script, packages)
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or "").strip().splitlines() or [str(error)]
            print(f"{name:32} left out: {lines[-1][:120]}")
        else:
            print(f"{name:32}{speed:12,.1f}{speed / mine:10.4f}")


if __name__ == "__main__":
    main()
