"""Random playouts: actions per second on one core, for every rule set. Compile time is not counted."""

from __future__ import annotations

import time

from pylos.game.playouts import playouts
from pylos.game.position import START
from pylos.game.rules import FULL_RULES

GAMES = 50_000
LIMIT = 1000


def main() -> None:
    for name, code in FULL_RULES.items():
        playouts(START, code, 0, 10, LIMIT)
        start = time.perf_counter()
        outcome, actions = playouts(START, code, 1, GAMES, LIMIT)
        seconds = time.perf_counter() - start
        print(
            f"{name:18} {actions / seconds / 1e6:6.1f} million actions/s, "
            f"{actions / GAMES:.1f} actions a game, first player scores {(outcome + 1) / 2:.3f}"
        )


if __name__ == "__main__":
    main()
