"""The player of a level: it errs, but it throws away nothing that it has proven."""

import numpy as np
import pytest

from pylos.arena.match import play_match
from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.players.level_player import LevelPlayer
from pylos.players.levels import Level, find_level
from pylos.players.naming import level_agent, make_player
from pylos.players.network_player import NetworkPlayer
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.search.tree import PROVEN_LOSS, PROVEN_WIN, ROOT, UNPROVEN
from tests.support.boards import random_game
from tests.support.players import assert_legal, some_boards


def player_of(simulations: int, temperature: float, agent: str = "reference", key: int = 0) -> LevelPlayer:
    level = Level("x", "X", "standard", agent, simulations, temperature, 1000, 1000, 1000, "")
    return LevelPlayer(level, level_agent(agent, "standard", simulations), key)


def test_at_temperature_0_it_is_its_agent():
    boards = some_boards()[1:]  # on the empty board, the first one, chance decides between equals
    expected = make_player("reference:16").choose(boards)
    assert player_of(16, 0).choose(boards).tolist() == expected.tolist()


@pytest.mark.parametrize("agent", ["reference", "rollouts"])
def test_at_a_temperature_its_draws_differ_and_depend_on_the_key(agent):
    boards = [Board("standard")] * 20
    player = player_of(16, 2, agent, key=5)
    chosen = player.choose(boards)
    assert_legal(chosen, boards)
    assert len(set(chosen.tolist())) > 3
    assert player.choose(boards).tolist() != chosen.tolist()
    assert player_of(16, 2, agent, key=5).choose(boards).tolist() == chosen.tolist()
    player.reset(5)
    assert player.choose(boards).tolist() == chosen.tolist()


def test_more_heat_is_weaker():
    assert play_match(player_of(4, 1), player_of(4, 20), games=60).score > 0.7


def test_without_simulations_it_draws_from_the_policy_of_its_network():
    board = Board()
    cold, hot = ([player_of(0, heat).choose([board] * 200).tolist()] for heat in (0.1, 100.0))
    assert len(set(cold[0])) <= 4  # the images of the likeliest
    assert len(set(hot[0])) == len(board.legal_actions) == 16
    assert play_match(player_of(0, 100), make_player("random"), games=200).score == pytest.approx(
        0.5, abs=0.15
    )


@pytest.mark.parametrize("name", ["beginner", "casual", "expert", "master"])
def test_proven_wins_are_played_and_proven_losses_avoided(name):
    level = find_level("standard", name)
    agent = level_agent(level.agent, "standard", level.simulations)
    assert isinstance(agent, NetworkPlayer)
    search = Search(1, rules_code("standard"), network_options(level.simulations))
    player, won, tempted, threatened = LevelPlayer(level, agent), 0, 0, 0
    games = (random_game("standard", steps, seed) for seed in range(80) for steps in (28, 32, 36, 40))
    boards = [board for board in games if not board.is_over]
    chosen_often = np.array([player.choose(boards) for _ in range(6)]).T.tolist()
    for board, actions in zip(boards, chosen_often, strict=True):
        proofs = proven(search, agent, board)
        chosen = {proofs[action] for action in actions}
        if PROVEN_WIN in proofs.values():
            assert chosen == {PROVEN_WIN}
            won += 1
            tempted += len(set(proofs.values())) > 1
        elif {PROVEN_LOSS, UNPROVEN} == set(proofs.values()):
            assert chosen == {UNPROVEN}
            threatened += 1
    assert won > 5
    assert min(tempted, threatened) > 0 or level.simulations < 16  # fewer see few wins that they could miss


def proven(search: Search, agent: NetworkPlayer, board: Board) -> dict[int, int]:
    """What a search proves about the legal actions of a board."""
    search.run(np.array([board.position]), agent.evaluator, np.zeros(1, np.int64))
    (tree,), actions = search._trees, board.legal_actions.tolist()
    first = tree.first_edge[0, ROOT]
    return dict(zip(actions, tree.edge_proven[0, first : first + len(actions)].tolist(), strict=True))
