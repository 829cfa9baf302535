"""The player that searches with a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.network.evaluator import NetworkEvaluator
from pylos.players.baselines import RolloutPlayer
from pylos.players.network_player import NetworkPlayer
from tests.support.evaluators import single
from tests.support.players import drawn_network, some_boards
from tests.twins import gumbel as twin_gumbel


@pytest.mark.parametrize("simulations", [-1, 30_001, 4.5, True, "4"])
def test_simulations_of_an_agent_are_held_to_their_range(simulations):
    with pytest.raises(ConfigurationError, match="simulations must be a whole number from 0 to 30000"):
        NetworkPlayer("net", drawn_network(), "standard", simulations)


def test_numbers_of_numpy_and_torch_make_the_same_player():
    boards = [Board()] * 5
    for make in (
        lambda n, key: RolloutPlayer(n, key=key),
        lambda n, key: NetworkPlayer("a", drawn_network(), "standard", n, key=key),
    ):
        plain, other = make(8, 3), make(np.int64(8), torch.tensor(3))
        assert plain.name == other.name
        assert plain.choose(boards).tolist() == other.choose(boards).tolist()


def test_the_bare_policy_plays_the_likeliest_legal_action():
    boards, network = some_boards(), drawn_network()
    chosen = NetworkPlayer("bare", network, "standard", 0).choose(boards)
    judge = NetworkEvaluator(network, 1, "cpu", "float32")
    for board, action in zip(boards, chosen, strict=True):
        _, log_policy = judge(np.array([board.position]))
        # Of actions that are the same but for symmetry, rounding decides.
        assert log_policy[0, action] == pytest.approx(log_policy[0, board.legal_actions].max(), abs=1e-5)


def test_a_network_player_searches_without_noise_and_plays_the_likeliest_improved_action():
    boards, network = some_boards(), drawn_network()
    chosen = NetworkPlayer("net", network, "standard", 24).choose(boards)
    judge = NetworkEvaluator(network, 1, "cpu", "float32").cached(0)
    search = twin_gumbel.GumbelSearch(lambda position: single(judge, position), 24)
    for board, action in zip(boards, chosen, strict=True):
        weights = twin_gumbel.weights(search.run(board))
        assert weights[int(action)] == max(weights.values())


def test_training_does_not_reach_the_network_of_a_player():
    boards, network = some_boards(), drawn_network().train()
    player = NetworkPlayer("net", network, "standard", 0)
    before = player.choose(boards).tolist()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    assert network.training
    assert player.choose(boards).tolist() == before
    assert NetworkPlayer("net", network, "standard", 0).choose(boards).tolist() != before
