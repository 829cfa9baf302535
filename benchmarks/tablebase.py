"""The tablebase: positions looked up per second, on one thread and on all, where the rules are solved."""

from __future__ import annotations

import time

import numpy as np

from pylos.game.playouts import random_action
from pylos.game.position import START
from pylos.game.rules import FULL_RULES, is_over, step
from pylos.kernels.randomness import draw
from pylos.solution.tablebase import Tablebase, open_if_present
from pylos.system.machine import usable_threads

POSITIONS = 1 << 20


def positions_of_games(rules: str, count: int) -> np.ndarray:
    """The positions of random games, one game's after the other's: neighbours are as related as in a search."""
    code, position, out = FULL_RULES[rules], START, np.empty(count, np.int64)
    for i in range(count):
        out[i] = position
        position = step(position, random_action(position, code, draw(0, i)), code)
        if is_over(position, code):
            position = START
    return out


def measure(table: Tablebase, positions: np.ndarray, threads: int) -> float:
    """Positions per second, once everything is in memory."""
    table.probe(positions, threads)
    start = time.perf_counter()
    table.probe(positions, threads)
    return len(positions) / (time.perf_counter() - start)


def main() -> None:
    """Measures every rule set of the full game that is solved here."""
    threads = usable_threads()
    for rules in FULL_RULES:
        if (table := open_if_present(rules)) is None:
            print(f"{rules}: not solved here")
            continue
        what = "values and distances" if table.has_distances else "values"
        games = positions_of_games(rules, POSITIONS)
        for order, positions in (
            ("in games", games),
            ("shuffled", np.random.default_rng(0).permutation(games)),
        ):
            one, all_ = measure(table, positions, 1), measure(table, positions, threads)
            print(
                f"{rules}, {what}, positions {order}: {one / 1e6:.2f} million/s on one thread, "
                f"{all_ / 1e6:.2f} on {threads}"
            )


if __name__ == "__main__":
    main()
