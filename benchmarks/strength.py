"""How strong an agent is, as a row for each number of simulations: the table of docs/guides/judge.md.

    python benchmarks/strength.py [CHECKPOINT [RULES]]

By default the agent that ships. Games against perfect play are left out where the rules are not solved on this machine.
"""

from __future__ import annotations

import sys

import numpy as np

from pylos.arena.evaluation import perfect_metrics, play_perfect
from pylos.arena.match import play_match
from pylos.arena.results import score_of
from pylos.arena.settings import EvaluationSettings
from pylos.errors import TableError
from pylos.players.naming import load_player, make_player
from pylos.players.network_player import NetworkPlayer
from pylos.players.perfect_player import load_perfect
from pylos.truth.suite import load_suite

SIMULATIONS = (0, 32, 64)
MATCHES = {"random": 400, "rollouts:200": 200, "rollouts:2000": 200}
"""Opponents, and how many games each plays."""
PERFECT_GAMES, OPENING_GAMES, POSITIONS = 100, 200, 1 << 30


def kept_share(player: NetworkPlayer) -> float:
    """How often its choice keeps the exact value, over the suite of its rules."""
    suite = load_suite(player.rules)
    assert suite is not None
    rows = np.arange(len(suite))[:POSITIONS]
    chosen = [player.choose(suite.positions[part]) for part in np.array_split(rows, max(1, len(rows) // 256))]
    return float(suite.keeping[rows, np.concatenate(chosen)].mean())


def main(path: str = "reference", rules: str | None = None) -> None:
    """Prints the table."""
    for simulations in SIMULATIONS:
        player = load_player(path, rules, simulations, "cpu")
        print(f"{player.name}: keeps the exact value {kept_share(player):.4f}", flush=True)
        for spec, games in MATCHES.items():
            result = play_match(player, make_player(spec, player.rules), games, player.rules)
            print(f"  {spec:15} {result.score:.3f} of {games} games", flush=True)
        try:
            perfect = load_perfect(player.rules, 0.0)
        except TableError as error:
            print(f"  {error}")
            continue
        settings = EvaluationSettings(PERFECT_GAMES, simulations, (), 0)
        for name, value in perfect_metrics(play_perfect(settings, player, perfect, show=False)).items():
            shown = "-" if value is None else f"{value:.2f}"
            print(f"  {name.removeprefix('eval/')} {shown} from the empty board, {PERFECT_GAMES} games")
        result = play_match(player, perfect, OPENING_GAMES, player.rules)
        second, first = score_of(result.as_second), score_of(result.as_first)
        print(f"  perfect after four random actions: {second:.2f} as second, {first:.2f} as first player")


if __name__ == "__main__":
    main(*sys.argv[1:])
