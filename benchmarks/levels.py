"""The levels: chooses agents in steps of about equal Elo for a rule set, and measures them.

    python benchmarks/levels.py                  # rates the levels of the small standard rules again
    python benchmarks/levels.py RULES [...]      # chooses and rates anew, and writes them into the table that ships

Candidates are agents with some simulations and a temperature. Each plays a few games against its neighbours and against
`ANCHORS`, and one fit rates all of them. The levels are the candidates that are nearest to equal steps. These play
many more games. Perfect play is rated, too, where the rules are solved on this machine with distances.

The scale is that of the runs: there, too, the anchors' own matches are all that connects an agent with `random`. These
matches count so often here that the levels, some of which are about as strong as an anchor, do not move the anchors.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pylos.arena.match import match_results, play_games, play_match
from pylos.arena.ratings import Ratings, fit_ratings
from pylos.arena.results import MatchResult
from pylos.errors import TableError
from pylos.game.rules import MINI_RULES, RULES
from pylos.players.level_player import LevelPlayer
from pylos.players.levels import LEVELS, Level, levels
from pylos.players.naming import REFERENCE, level_agent, make_player
from pylos.players.perfect_player import load_perfect
from pylos.players.player import Player
from pylos.system.files import atomic_write

ROOT = Path(__file__).parents[1]
ANCHORS = ("random", "rollouts:20", "rollouts:200", "rollouts:1600")
"""Whom every player meets, the weakest first."""
ANCHOR_WEIGHT = 100
"""How often a match of two anchors counts."""
RUNS = ROOT / "lightning_logs" / "reference"
"""The runs of the agents that ship. In them the anchors met."""
NETWORK = (
    *((0, t) for t in (12, 6, 4)),
    *((1, t) for t in (30, 16, 12, 8, 6, 4)),
    *((2, t) for t in (4, 3, 2.5, 2, 1.5)),
    *((4, t) for t in (2.5, 2, 1.5, 1)),
    *((8, t) for t in (2, 1)),
    *((16, t) for t in (2, 1)),
    *((32, 0.5), (64, 0)),
)
"""Candidates with the agent that ships: simulations and temperature, about from weak to strong."""
ROLLOUTS = tuple((n, 0) for n in (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256))
"""Candidates where none ships."""
STRONGEST = 1024
"""Simulations of the strongest level, without temperature. It takes no part in the trial, which it would prolong."""
AHEAD = 100.0
"""About how far it is ahead of the best candidate: the end of the ladder."""
WEAKEST = 1200.0
"""The rating at which the ladder begins."""
LEAST_STEP = 100.0
"""Levels that are closer say nothing: small rule sets have fewer of them."""
SEED, TRIAL_GAMES, GAMES = 0, 160, 300
"""Names the games; how many there are in a match of candidates, and of levels."""
LONG = 300
"""Players with more simulations have fewer games, so that these take no longer."""
TABLE = ROOT / "pylos" / "players" / "reference" / "levels.json"


def candidates(rules: str) -> list[LevelPlayer]:
    """The candidates of a rule set, about from weak to strong; the strongest level is the last one."""
    small = rules in MINI_RULES
    agent = "rollouts" if small else REFERENCE
    settings = [*(ROLLOUTS if small else NETWORK), (STRONGEST, 0)]
    return [_player(rules, agent, *setting) for setting in settings]


def _player(rules: str, agent: str, simulations: int, temperature: float) -> LevelPlayer:
    level = Level(f"{simulations}@{temperature:g}", "", rules, agent, simulations, temperature, 0, 0, 0, "")
    return LevelPlayer(level, level_agent(agent, rules, simulations))


def rate(rules: str, ladder: Sequence[LevelPlayer], games: int, others: Sequence[Player] = ()) -> Ratings:
    """Rates players by matches with the two before them on the ladder, with the anchors, and with some others.

    Args:
        rules: name of the rule set.
        ladder: the players, about from weak to strong.
        games: games of every match.
        others: players whom only the strongest three of the ladder meet, instead of the weak anchors.
    """
    anchors = [make_player(name, rules) for name in ANCHORS]
    results = ANCHOR_WEIGHT * anchor_matches(rules, anchors, games)

    def play(player: Player, opponents: Sequence[Player]) -> None:
        start, found = time.perf_counter(), []
        for count, group in itertools.groupby(opponents, lambda opponent: _games_of(player, opponent, games)):
            rivals = list(group)  # one batch for all of them
            found += match_results(play_games(player, rivals, count, rules, SEED), player, rivals)
        results.extend(found)
        scores = ", ".join(f"{result.opponent} {result.score:.2f}" for result in found)
        print(f"  {player.name}: {scores} ({time.perf_counter() - start:.0f} s)", flush=True)

    for place, player in enumerate(ladder):
        known: Sequence[Player] = anchors
        if place >= len(ladder) - 3:
            known = [*(anchors[2:] if player.level.simulations < STRONGEST else ()), *others]
        play(player, [*ladder[max(0, place - 2) : place], *known])
    return fit_ratings(results)


def anchor_matches(rules: str, anchors: Sequence[Player], games: int) -> list[MatchResult]:
    """The matches of each anchor with the next weaker one: those of the run if there was one, else new ones."""
    manifest = RUNS / ("" if rules == "standard" else rules) / "manifest.json"
    if manifest.is_file():
        matches = json.loads(manifest.read_text(encoding="utf-8"))["anchor_matches"]
        return [MatchResult.from_dict(match) for match in matches]
    return [
        play_match(stronger, weaker, _games_of(stronger, weaker, games), rules, SEED)
        for weaker, stronger in itertools.pairwise(anchors)
    ]


def _games_of(player: Player, opponent: Player, games: int) -> int:
    """How many games of at most `games` two players have time for: fewer where one of them searches for long."""
    simulations = max(_simulations(player), _simulations(opponent), LONG)
    return max(2, 2 * (games * LONG // simulations // 2))


def _simulations(player: Player) -> int:
    if isinstance(player, LevelPlayer):
        return player.level.simulations
    return int(player.name.removeprefix("rollouts:")) if player.name.startswith("rollouts:") else 0


def choose(players: Sequence[LevelPlayer], ratings: Ratings) -> list[LevelPlayer]:
    """Of the players those whose ratings are the nearest to equal steps up to the strongest level, ascending."""
    ascending = sorted(players, key=lambda player: ratings.elo[player.name].elo)
    elo = np.array([ratings.elo[player.name].elo for player in ascending])
    weakest, end = max(WEAKEST, float(elo[0])), float(elo[-1]) + AHEAD
    wanted = np.linspace(weakest, end, min(len(LEVELS), 1 + int((end - weakest) / LEAST_STEP)))[:-1]
    return [ascending[place] for place in sorted({int(np.abs(elo - target).argmin()) for target in wanted})]


def measure(rules: str) -> dict[str, Any]:
    """Chooses the levels of a rule set, rates them, and returns their entry of the table."""
    print(f"{rules}: candidates")
    *players, strongest = candidates(rules)
    chosen = [*choose(players, rate(rules, players, TRIAL_GAMES)), strongest]
    print(f"{rules}: levels")
    perfect = _perfect(rules)
    ratings = rate(rules, chosen, GAMES, perfect)
    names = [list(LEVELS)[round(place)] for place in np.linspace(0, len(LEVELS) - 1, len(chosen))]
    entries = [
        {
            "name": name,
            "agent": player.level.agent,
            "simulations": player.level.simulations,
            "temperature": player.level.temperature,
            **_rating(ratings, player.name),
        }
        for name, player in zip(names, chosen, strict=True)
    ]
    return {
        "script": "benchmarks/levels.py",
        "seed": SEED,
        "games": GAMES,
        "weights_digest": getattr(players[0].agent, "weights_digest", None),
        "anchors": {name: _rating(ratings, name) for name in ANCHORS},
        "perfect": _rating(ratings, "perfect") if perfect else dict.fromkeys(("elo", "elo_low", "elo_high")),
        "levels": entries,
    }


def _perfect(rules: str) -> list[Player]:
    """The perfect player, if the rules are solved here with distances."""
    try:
        return [load_perfect(rules)]
    except TableError as error:
        print(f"  {error}")
        return []


def _rating(ratings: Ratings, name: str) -> dict[str, float]:
    elo, low, high = (round(float(number)) for number in ratings.elo[name].__dict__.values())
    return {"elo": elo, "elo_low": low, "elo_high": high}


def main(*names: str) -> None:
    """Measures the levels of the named rule sets."""
    for rules in names:
        entry = measure(rules)
        table = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {}
        table[rules] = entry
        ordered = {name: table[name] for name in RULES if name in table}
        atomic_write(TABLE, json.dumps(ordered, indent=1) + "\n")
    if not names:
        rules = "mini-standard"
        ladder = [LevelPlayer(one, level_agent(one.agent, rules, one.simulations)) for one in levels(rules)]
        for name, rating in rate(rules, ladder, GAMES).elo.items():
            print(f"{name:16} {rating.elo:.0f} [{rating.low:.0f}, {rating.high:.0f}]")


if __name__ == "__main__":
    main(*sys.argv[1:])
