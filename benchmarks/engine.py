"""Positions per second of `pylos engine`: many at once, one at a time, and those of the search alone."""

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
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, boards: list[Board]) -> None:
        """Asks about all boards at once and waits for all answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        for number, board in enumerate(boards):
            request: dict[str, Any] = {"id": str(number), "position": board.text}
            self.process.stdin.write(json.dumps(request | {"simulations": SIMULATIONS}) + "\n")
        self.process.stdin.flush()
        for _ in boards:
            answer = json.loads(self.process.stdout.readline())
            assert answer["done"], answer


@contextmanager
def running_engine() -> Iterator[Engine]:
    engine = Engine()
    try:
        yield engine
    finally:
        engine.process.communicate()


def search_alone(boards: list[Board]) -> float:
    """The seconds that `Search` needs for all boards, with as many threads as the engine has."""
    player = load_player("reference", RULE_SET, SIMULATIONS, "cpu")
    threads = torch.get_num_threads()
    search = Search(len(boards), rules_code(RULE_SET), network_options(SIMULATIONS), threads)
    positions, keys = np.array([board.position for board in boards]), np.zeros(len(boards), np.int64)
    with single_threaded_torch():
        search.run(positions[:8], player.network, keys[:8])  # compiles
        start = time.perf_counter()
        search.run(positions, player.evaluator, keys)
        return time.perf_counter() - start


def main() -> None:
    boards = random_boards(AT_ONCE, key=1)
    with running_engine() as engine:
        engine.ask(random_boards(1, key=0))  # loads and compiles
        start = time.perf_counter()
        engine.ask(boards)
        at_once = time.perf_counter() - start
        start = time.perf_counter()
        for board in random_boards(ALONE, key=2):
            engine.ask([board])
        alone = time.perf_counter() - start
    search = search_alone(boards)
    print(f"{SIMULATIONS} simulations a position, {RULE_SET} rules, {torch.get_num_threads()} threads")
    for name, count, seconds in (
        (f"the engine, {AT_ONCE} positions at once", AT_ONCE, at_once),
        ("the engine, one position at a time", ALONE, alone),
        (f"Search.run, {AT_ONCE} positions at once", AT_ONCE, search),
    ):
        print(f"  {name:40} {count / seconds:8.1f} positions/s")
    print(f"  engine / Search.run {search / at_once:.2f}")


if __name__ == "__main__":
    main()
