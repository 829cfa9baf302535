"""Ratings: seconds to rate all agents of a run, for runs of several lengths."""

from __future__ import annotations

import time

import numpy as np

from pylos.arena.ratings import fit_ratings
from pylos.arena.results import MatchResult

EVALUATIONS = (20, 90, 400, 1600)
GAMES = 50
ANCHORS = {"random": 1000.0, "rollouts:20": 1450.0, "rollouts:200": 2150.0}


def matches_of_a_run(evaluations: int) -> list[MatchResult]:
    """The matches of agents that rise to Elo 2800: each meets the anchors and the agent before."""
    rng = np.random.default_rng(0)
    elo = {**ANCHORS, **{f"step-{i}": 2800 - 1800 / (1 + 10 * i / evaluations) for i in range(evaluations)}}
    pairs = [("rollouts:20", "random"), ("rollouts:200", "rollouts:20")]
    for i in range(evaluations):
        pairs += [(f"step-{i}", opponent) for opponent in (*ANCHORS, *([f"step-{i - 1}"] if i else []))]
    results = []
    for player, opponent in pairs:
        chance = 1 / (1 + 10 ** ((elo[opponent] - elo[player]) / 400))
        first, second = rng.binomial(GAMES // 2, chance, 2).tolist()
        results.append(
            MatchResult(player, opponent, (first, 0, GAMES // 2 - first), (second, 0, GAMES // 2 - second))
        )
    return results


def main() -> None:
    for evaluations in EVALUATIONS:
        results = matches_of_a_run(evaluations)
        start = time.perf_counter()
        last = fit_ratings(results).elo[f"step-{evaluations - 1}"]
        seconds = time.perf_counter() - start
        print(f"{evaluations:5} evaluations: {seconds:7.2f} s, the last agent {last.elo:.0f}")


if __name__ == "__main__":
    main()
