"""The player that searches with a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.game.board import Board
from pylos.game.rules import NUM_ACTIONS
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import ValueNetwork
from pylos.players.baselines import RolloutPlayer
from pylos.players.network_player import NetworkPlayer
from pylos.search.history import no_history
from tests.support.evaluators import let_overflow, single, small_network
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


class _Prefers(torch.nn.Module):
    """Prefers the actions of high numbers, or of low ones."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, observations):
        policy = self.sign * torch.arange(NUM_ACTIONS, dtype=torch.float32)
        return observations[:, :3] * 0, policy.log_softmax(0).expand(len(observations), -1)


def test_the_bare_policy_looks_at_all_legal_actions():
    boards = some_boards()
    highest = NetworkPlayer("highest", _Prefers(1), "standard", 0).choose(boards)
    lowest = NetworkPlayer("lowest", _Prefers(-1), "standard", 0).choose(boards)
    assert highest.tolist() == [max(board.legal_actions) for board in boards]
    assert lowest.tolist() == [min(board.legal_actions) for board in boards]


def test_the_bare_policy_gives_every_legal_action_its_probability():
    boards = some_boards()
    player = NetworkPlayer("bare", drawn_network(), "standard", 0)
    positions = np.array([board.position for board in boards])
    found = player.search(positions, no_history(len(boards)), key=0)
    log_policy = player.network(positions)[1]
    for board, actions, shares, judged in zip(boards, *found, log_policy, strict=True):
        n = len(board.legal_actions)
        assert actions[:n].tolist() == board.legal_actions.tolist()
        assert not shares[n:].any()
        assert shares.sum() == pytest.approx(1)
        np.testing.assert_allclose(np.diff(np.log(shares[:n])), np.diff(judged[actions[:n]]), atol=1e-4)


@pytest.mark.parametrize("simulations", [0, 4])
def test_a_network_that_says_values_in_place_of_outcomes_is_refused(simulations: int):
    with pytest.raises(ConfigurationError, match=r"logits of win, draw and loss first, .* not \[\d+, 1\]"):
        NetworkPlayer("mine", ValueNetwork(small_network()), "standard", simulations).choose([Board()])


@pytest.mark.parametrize("simulations", [0, 4])
def test_a_network_whose_answers_are_not_finite_is_named_as_the_player(simulations: int):
    player = NetworkPlayer("mine", let_overflow(small_network()), "standard", simulations)
    with pytest.raises(NonFiniteNetworkError, match=r"^mine gives"):
        player.choose([Board()])
