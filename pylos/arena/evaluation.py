"""The matches of an evaluation: an agent plays random, the anchors and its former self.

During training `callbacks.EvaluationCallback` has them played, for checkpoints on disk `pylos.runs.backfill`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pylos.arena.match import match_results, play_games
from pylos.arena.results import MatchResult, Pairing, score_of
from pylos.arena.settings import EvaluationSettings
from pylos.kernels.randomness import derive_key
from pylos.players.player import Player
from pylos.system.progress import progress_bar

if TYPE_CHECKING:
    from pylos.players.perfect_player import PerfectPlayer

ANCHOR_GAMES_FACTOR = 4
"""Two anchors play this number of games for every game of an agent's match."""


class Share(NamedTuple):
    """The part of an evaluation that one of several ranks plays."""

    rank: int = 0
    ranks: int = 1

    def games(self, games: int) -> int:
        """How many of a match's games it plays: an even number, which may be 0."""
        return 2 * len(range(self.rank, games // 2, self.ranks))

    def key(self, *parts: int | str) -> int:
        """The key of its games: every rank plays other ones."""
        return derive_key(*parts, self.rank) if self.rank else derive_key(*parts)


WHOLE = Share()
"""All of an evaluation."""


def evaluate_agent(
    settings: EvaluationSettings,
    agent: Player,
    previous: Player | None,
    rules: str,
    show: bool = True,
    share: Share = WHOLE,
) -> list[MatchResult]:
    """Plays the matches of an evaluation.

    Args:
        settings: what it consists of.
        agent: the player to evaluate. The key of the games depends on the name of its weights.
        previous: the previous checkpoint, if there is one.
        rules: name of the rule set.
        show: whether to show progress.
        share: which part of the games to play.

    Returns:
        A result for each of `agent_pairings`, in their order; none if the share is empty.
    """
    if not (games := share.games(settings.games)):
        return []
    opponents = [*settings.fixed_opponents(rules), *([previous] if previous else [])]
    key = share.key(settings.seed, "evaluation", _weights_name(agent))
    with progress_bar("evaluation", total=games * len(opponents), enabled=show) as update:
        played = play_games(
            agent, opponents, games, rules, key, on_move=lambda finished: update(finished, "games")
        )
    return match_results(played, agent, opponents)


def _weights_name(agent: Player) -> str:
    """The agent's name without its simulations: with any number of them the same weights begin the same games."""
    return agent.name.partition(":")[0]


def agent_pairings(fixed: Sequence[str], agent: Player, previous: Player | None) -> list[Pairing]:
    """Who plays whom in `evaluate_agent`.

    Args:
        fixed: the names of the fixed opponents.
        agent: the player to evaluate.
        previous: the previous checkpoint, if there is one.
    """
    opponents = [*fixed, *([previous.name] if previous else [])]
    return [(agent.name, opponent) for opponent in opponents]


def play_perfect(
    settings: EvaluationSettings,
    agent: Player,
    perfect: PerfectPlayer,
    show: bool = True,
    share: Share = WHOLE,
) -> np.ndarray:
    """Lets the agent play the perfect player. No rating follows from these games: the perfect player may lose none.

    All games begin at the start position, whose value is known. They differ because the perfect player chooses at
    random between equally good actions.

    Args:
        settings: how many games.
        agent: the player to evaluate. The key of the games depends on the name of its weights.
        perfect: the perfect player, which names the rules.
        show: whether to show progress.
        share: which part of the games to play.

    Returns:
        int64 [7] wins, draws and losses of the agent moving first, the same moving second, and the number of whole
        turns in the games that it lost; zeros if the share is empty. The sum over several ranks means the same.
    """
    if not (games := share.games(settings.games)):
        return np.zeros(7, np.int64)
    key = share.key(settings.seed, "perfect", _weights_name(agent))
    with progress_bar("perfect play", total=games, enabled=show) as update:
        played = play_games(
            agent,
            [perfect],
            games,
            perfect.rules,
            key,
            opening_plies=0,
            on_move=lambda finished: update(finished, "games"),
        )
    result = match_results(played, agent, [perfect])[0]
    return np.array([*result.as_first, *result.as_second, played.turns[played.lost].sum()])


def perfect_metrics(counts: Sequence[int]) -> dict[str, float | None]:
    """The metrics of games against the perfect player.

    `turns_survived_vs_perfect` is the mean number of turns, of both players, in the games that the agent lost; None if
    it lost none.

    Args:
        counts: [7] what `play_perfect` returned.
    """
    first_wins, first_draws, first_losses, wins, draws, losses, turns = counts
    lost = first_losses + losses
    return {
        "eval/score_vs_perfect_as_second": score_of((wins, draws, losses)),
        "eval/score_vs_perfect_as_first": score_of((first_wins, first_draws, first_losses)),
        "eval/turns_survived_vs_perfect": turns / lost if lost else None,
    }


def play_anchors(
    settings: EvaluationSettings,
    known: Sequence[MatchResult],
    rules: str,
    show: bool = True,
    share: Share = WHOLE,
) -> list[MatchResult]:
    """Lets every fixed opponent play the next weaker one, once for a whole run.

    If an agent wins all games against random, these games alone set no upper limit to its rating. It loses some games
    against the anchors, and the matches played here rate the anchors. They have more games than an agent's matches,
    because every rating depends on them.

    Args:
        settings: who the anchors are, and how many games the agent's matches have.
        known: the matches of anchors that were played before.
        rules: name of the rule set.
        show: whether to show progress.
        share: which part of the games to play.

    Returns:
        A result for each of `anchor_pairings`, in their order; none if the share is empty.
    """
    games = share.games(ANCHOR_GAMES_FACTOR * settings.games)
    players = {player.name: player for player in settings.fixed_opponents(rules)}
    pairings = anchor_pairings(list(players), known) if games else []
    results: list[MatchResult] = []
    with progress_bar(
        "rating anchors", total=games * len(pairings), enabled=show and bool(pairings)
    ) as update:

        def on_move(finished: int) -> None:
            update(games * len(results) + finished, "games")

        for pairing in pairings:
            stronger, weaker = (players[name] for name in pairing)
            key = share.key(settings.seed, "anchors", *pairing)
            played = play_games(stronger, [weaker], games, rules, key, on_move=on_move)
            results += match_results(played, stronger, [weaker])
    return results


def anchor_pairings(fixed: Sequence[str], known: Sequence[MatchResult]) -> list[Pairing]:
    """Who plays whom in `play_anchors`.

    Args:
        fixed: the names of the fixed opponents, the weakest first.
        known: the matches of anchors that were played before.
    """
    played = {frozenset((match.player, match.opponent)) for match in known}
    return [(b, a) for a, b in itertools.pairwise(fixed) if frozenset((a, b)) not in played]
