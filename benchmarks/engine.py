"""Positions per second of `pylos engine`: many at once, one at a time, and those of the search alone.

The engine and `Search.run` take turns, each round on new positions that both get. The clock of the engine runs from the
first request that is sent to the last answer that is read. Requests are made before and answers are read as JSON after
that: this is the other program's work. In the first round both allocate; a program that goes on asking sees the others.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pylos.game.board import Board
from pylos.game.playouts import random_action
from pylos.game.rules import rules_code
from pylos.kernels.randomness import draw
from pylos.network.threads import single_threaded_torch
from pylos.players.naming import load_player
from pylos.search.options import network_options
from pylos.search.search import Search

RULE_SET, SIMULATIONS = "standard", 64
AT_ONCE = 512
ROUNDS = 7
ALONE = 50
"""Positions that are asked about one at a time."""


def random_boards(count: int, key: int) -> list[Board]:
    """Boards of all phases, from random games."""
    boards: list[Board] = []
    board, code = Board(RULE_SET), rules_code(RULE_SET)
    while len(boards) < count:
        boards.append(board.copy())
        board.push(random_action(board.position, code, draw(key, len(boards))))
        if board.is_over:
            board = Board(RULE_SET)
    return boards


class Engine:
    """The command in a process of its own."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "pylos", "engine", "--rules", RULE_SET]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, boards: list[Board]) -> float:
        """Asks about all boards at once and waits for all answers; returns the seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        requests: list[dict[str, Any]] = [
            {"id": str(number), "position": board.text, "simulations": SIMULATIONS}
            for number, board in enumerate(boards)
        ]
        lines = "".join(json.dumps(request) + "\n" for request in requests).encode()
        start = time.perf_counter()
        self.process.stdin.write(lines)
        self.process.stdin.flush()
        answers = [self.process.stdout.readline() for _ in boards]
        seconds = time.perf_counter() - start
        assert all(json.loads(answer)["done"] for answer in answers)
        return seconds


@contextmanager
def running_engine() -> Iterator[Engine]:
    engine = Engine()
    try:
        yield engine
    finally:
        engine.process.communicate()


class Bare:
    """`Search.run` with as many threads as the engine has."""

    def __init__(self) -> None:
        self.player = load_player("reference", RULE_SET, SIMULATIONS, "cpu")
        options = network_options(SIMULATIONS)
        self.search = Search(AT_ONCE, rules_code(RULE_SET), options, torch.get_num_threads())

    def ask(self, boards: list[Board]) -> float:
        """Searches all boards; returns the seconds."""
        positions, keys = np.array([board.position for board in boards]), np.zeros(len(boards), np.int64)
        with single_threaded_torch():
            start = time.perf_counter()
            self.search.run(positions, self.player.evaluator, keys)
            return time.perf_counter() - start


def main() -> None:
    bare = Bare()
    with running_engine() as engine:
        first = random_boards(1, key=0)
        engine.ask(first)  # loads and compiles
        bare.ask(first)
        rounds = [random_boards(AT_ONCE, key) for key in range(1, ROUNDS + 1)]
        seconds = np.array([(engine.ask(boards), bare.ask(boards)) for boards in rounds])
        alone = [engine.ask([board]) for board in random_boards(ALONE, key=ROUNDS + 1)]
    print(f"{SIMULATIONS} simulations a position, {RULE_SET} rules, {torch.get_num_threads()} threads")
    print(f"  the engine, one position at a time: {ALONE / sum(alone):.1f} positions/s")
    print(f"  {AT_ONCE} positions at once:  {'engine':>10} {'Search.run':>10} {'engine / Search.run':>20}")
    ratios = seconds[:, 1] / seconds[:, 0]
    for name, chosen in (("first round", slice(0, 1)), (f"median of {ROUNDS - 1} more", slice(1, None))):
        mine, others = AT_ONCE / np.median(seconds[chosen], axis=0)
        print(f"    {name:21} {mine:10.0f} {others:10.0f} {np.median(ratios[chosen]):20.2f}")


if __name__ == "__main__":
    main()
