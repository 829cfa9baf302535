from __future__ import annotations

import numpy as np
import pytest

from pylos.arena.evaluation import (
    ANCHOR_GAMES_FACTOR,
    WHOLE,
    Share,
    agent_pairings,
    anchor_pairings,
    evaluate_agent,
    perfect_metrics,
    play_anchors,
    play_perfect,
)
from pylos.arena.match import play_games
from pylos.arena.results import MatchResult
from pylos.arena.settings import EvaluationSettings
from pylos.game.board import Board
from pylos.players.baselines import RandomPlayer
from pylos.players.perfect_player import load_perfect
from pylos.solution.tablebase import Tablebase

RULES = "mini-standard"
SETTINGS = EvaluationSettings(games=6, anchors=("rollouts:1", "rollouts:2"))
FIXED = ["random", "rollouts:1", "rollouts:2"]


class Agent(RandomPlayer):
    """Plays at random, and remembers the positions that it was asked about first."""

    def __init__(self, name: str) -> None:
        super().__init__(RULES)
        self.name = name
        self.first: list[int] = []

    def choose(self, boards):
        self.first = self.first or boards.tolist()
        return super().choose(boards)


def _pairs(results: list[MatchResult]) -> list[tuple[str, str]]:
    return [(result.player, result.opponent) for result in results]


@pytest.mark.parametrize(("games", "ranks"), [(50, 1), (50, 2), (50, 7), (4, 3)])
def test_shares_make_up_the_whole(games: int, ranks: int):
    shares = [Share(rank, ranks) for rank in range(ranks)]
    assert sum(share.games(games) for share in shares) == games
    assert all(share.games(games) % 2 == 0 for share in shares)
    assert len({share.key(0, "x") for share in shares}) == ranks


@pytest.mark.parametrize("previous", [None, Agent("step-4:4")])
def test_an_agent_plays_random_the_anchors_and_the_previous_one(previous: Agent | None):
    agent = Agent("step-8:4")
    results = evaluate_agent(SETTINGS, agent, previous, RULES, show=False)
    assert _pairs(results) == agent_pairings(FIXED, agent, previous)
    assert [result.opponent for result in results] == [*FIXED, *(["step-4:4"] if previous else [])]
    assert [(sum(r.as_first), sum(r.as_second)) for r in results] == [(3, 3)] * len(results)


def test_the_weights_and_the_seed_name_the_games_and_no_rank_plays_those_of_another():
    def openings(name: str, seed: int = 0, share: Share = WHOLE) -> list[int]:
        agent = Agent(name)
        evaluate_agent(EvaluationSettings(40, 4, (), seed), agent, None, RULES, False, share)
        return agent.first

    weights = openings("step-8:4")
    assert openings("step-8:64") == weights  # all uses of the same weights begin the same games
    assert openings("step-9:4") != weights
    assert openings("step-8:4", seed=1) != weights
    ranks = [openings("step-8:4", share=Share(rank, 2)) for rank in (0, 1)]
    assert ranks[0] == weights[:10]
    assert ranks[1] != ranks[0]


def test_a_rank_without_games_plays_nothing():
    settings, agent = EvaluationSettings(games=2, anchors=("rollouts:1",)), Agent("a")
    assert evaluate_agent(settings, agent, None, RULES, False, Share(1, 2)) == []
    assert play_anchors(settings, [], RULES, False, Share(4, 5)) == []
    assert agent.first == []


def test_anchors_that_have_met_do_not_meet_again():
    fixed = ["random", "rollouts:20", "rollouts:200"]
    assert anchor_pairings(fixed, []) == [("rollouts:20", "random"), ("rollouts:200", "rollouts:20")]
    known = [MatchResult("random", "rollouts:20", (1, 0, 0), (0, 0, 1))]
    assert anchor_pairings(fixed, known) == [("rollouts:200", "rollouts:20")]


def test_every_anchor_plays_the_next_weaker_one(monkeypatch):
    keys = []

    def play(agent, opponents, games, rules, key, **options):
        keys.append(key)
        return play_games(agent, opponents, games, rules, key, **options)

    monkeypatch.setattr("pylos.arena.evaluation.play_games", play)
    whole = play_anchors(SETTINGS, [], RULES, show=False)
    assert len({*keys}) == 2
    assert _pairs(whole) == [("rollouts:1", "random"), ("rollouts:2", "rollouts:1")]
    assert [result.games for result in whole] == [ANCHOR_GAMES_FACTOR * 6] * 2
    # The names of both are what names their games: what was played before changes nothing.
    assert play_anchors(SETTINGS, whole[:1], RULES, show=False) == whole[1:]


def test_perfect_play_is_shared_out_among_the_ranks(solved):
    settings, perfect = EvaluationSettings(games=30), load_perfect(RULES)
    parts = [play_perfect(settings, RandomPlayer(RULES), perfect, False, Share(rank, 2)) for rank in (0, 1)]
    assert [part[:6].sum() for part in parts] == [16, 14]
    assert parts[0].tolist() != parts[1].tolist()
    few = EvaluationSettings(games=2)
    assert play_perfect(few, RandomPlayer(RULES), perfect, False, Share(1, 2)).tolist() == [0] * 7


def test_perfect_play_counts_the_turns_of_the_games_that_the_agent_lost(solved):
    agent, perfect = Agent("a"), load_perfect(RULES)
    counts = play_perfect(EvaluationSettings(games=20), agent, perfect, show=False)
    assert set(agent.first) == {0}  # from the start position
    assert counts[:3].sum() == counts[3:6].sum() == 10
    lost = counts[2] + counts[5]
    assert 5 * lost < counts[6] < 20 * lost
    assert counts.dtype == np.int64


def test_perfect_play_against_itself_counts_the_turns_of_the_lost_half_alone(solved):
    perfect = load_perfect(RULES)
    counts = play_perfect(EvaluationSettings(games=20), perfect, load_perfect(RULES), show=False)
    turns = Tablebase(RULES).probe([Board(RULES)])[1][0]
    assert counts.tolist() == [10, 0, 0, 0, 0, 10, 10 * turns]


def test_the_weights_name_the_games_of_perfect_play(solved):
    def counts(name: str) -> list[int]:
        return play_perfect(
            EvaluationSettings(games=20), Agent(name), load_perfect(RULES), show=False
        ).tolist()

    assert counts("step-8:4") == counts("step-8:64") != counts("step-9:4")


def test_the_metrics_of_perfect_play():
    assert perfect_metrics([1, 2, 1, 0, 1, 3, 60]) == {
        "eval/score_vs_perfect_as_second": 0.125,
        "eval/score_vs_perfect_as_first": 0.5,
        "eval/turns_survived_vs_perfect": 15.0,
    }
    assert perfect_metrics([1, 1, 0, 0, 2, 0, 0])["eval/turns_survived_vs_perfect"] is None
