"""Steps of the environments per second, with random legal actions, beside games of pgx on the same processor.

Only the steps are timed, not the choice of actions. A step gives the observation and the legal actions of every game,
and starts the next one where one has ended. pgx has no Pylos; Othello and Hex are as large. It runs in an environment
of its own in `$PYLOS_HOME/peers`, made on the first call; if it cannot be installed, its columns stay empty.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from peers.compare import JAX, interpreter

import pylos.adapters.gymnasium  # noqa: F401  # registers it
from pylos.adapters import pylos_v0
from pylos.system.machine import usable_threads

SIZES = (1, 64, 1024, 8192)
ROUNDS, SECONDS = 5, 1.0
"""The fastest of some rounds counts: it is the one that other programs have disturbed the least."""
PGX_GAMES = ("othello", "hex")
VECTORISED = {"Pylos": {}, "Pylos, copy=False": {"copy": False}}


def many(size: int, **options: Any) -> float:
    """Steps/s of the vectorised environment, both sides played by the caller."""
    env = gymnasium.make_vec("Pylos-v0", num_envs=size, opponent=None, **options)
    rng, best = np.random.default_rng(0), 0.0
    observations, _ = env.reset(seed=0)
    for played in range(1 + ROUNDS):
        steps, spent = 0, 0.0
        while spent < (SECONDS if played else 0.0001):  # the first round compiles and does not count
            actions = (rng.random((size, 303), np.float32) * observations["action_mask"]).argmax(axis=1)
            start = time.perf_counter()
            observations = env.step(actions)[0]
            spent += time.perf_counter() - start
            steps += 1
        best = max(best, steps * size / spent) if played else 0.0
    env.close()
    return best


def one_by_gymnasium() -> float:
    """Steps/s of a single environment, wrapped as `gymnasium.make` does it."""
    env = gymnasium.make("Pylos-v0", opponent=None)
    rng, steps, spent, ended = np.random.default_rng(0), 0, 0.0, True
    while spent < SECONDS:
        if ended:
            observation, _ = env.reset()
        action = rng.choice(np.flatnonzero(observation["action_mask"]))
        start = time.perf_counter()
        observation, _, terminated, truncated, _ = env.step(action)
        spent += time.perf_counter() - start
        steps, ended = steps + 1, terminated or truncated
    return steps / spent


def one_by_pettingzoo() -> float:
    """Steps/s of the environment for PettingZoo, with its wrappers."""
    env = pylos_v0.env()
    rng, steps, spent = np.random.default_rng(0), 0, 0.0
    while spent < SECONDS:
        env.reset()
        for _ in env.agent_iter():
            start = time.perf_counter()
            observation, _, terminated, truncated, _ = env.last()
            spent += time.perf_counter() - start
            over = terminated or truncated
            action = None if over else rng.choice(np.flatnonzero(observation["action_mask"]))
            start = time.perf_counter()
            env.step(action)
            spent += time.perf_counter() - start
            steps += 1
    return steps / spent


def pgx(game: str, size: int) -> float | None:
    """Steps/s of a game of pgx; None if it cannot be had."""
    here = Path(__file__).parent / "peers"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "JAX_PLATFORMS": "cpu"}
    try:
        command = [interpreter("jax_search", JAX), "pgx_steps.py", game, str(size), str(ROUNDS), str(SECONDS)]
        done = subprocess.run(command, cwd=here, env=environment, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        print(f"pgx is left out: {(error.stderr or str(error)).strip().splitlines()[-1][:100]}")
        return None
    return float(json.loads(done.stdout.splitlines()[-1])["steps_per_second"])


def main() -> None:
    """Prints two tables."""
    print(f"steps/s, {usable_threads()} cores\n")
    columns = [*VECTORISED, *(f"pgx {game}" for game in PGX_GAMES)]
    print(f"{'games at once':16}" + "".join(f"{name:>20}" for name in columns))
    for size in SIZES:
        found: list[float | None] = [many(size, **options) for options in VECTORISED.values()]
        found += [pgx(game, size) for game in PGX_GAMES]
        print(f"{size:<16,}" + "".join(f"{'-' if x is None else f'{x:,.0f}':>20}" for x in found), flush=True)
    print(f"\n{'one game, Gymnasium':22}{one_by_gymnasium():14,.0f}")
    print(f"{'one game, PettingZoo':22}{one_by_pettingzoo():14,.0f}")


if __name__ == "__main__":
    main()
