"""The network keeps the promises of its interface and can learn."""

import numpy as np
import pytest
import torch
from torch import nn

from pylos.errors import ConfigurationError
from pylos.game.board import as_positions
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import rules_code
from pylos.game.symmetry import NUM_SYMMETRIES, transform
from pylos.network.network import (
    ACTIVATIONS,
    SQUARE,
    PylosNetwork,
    ValueNetwork,
    expected_value,
    pylos_network,
)
from pylos.network.threads import single_threaded_torch
from tests.support.boards import random_game
from tests.support.networks import perturbed


@pytest.fixture
def network() -> PylosNetwork:
    torch.manual_seed(0)
    return PylosNetwork((32,), 303)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_shapes_and_ranges_in_both_modes(network, training, size):
    network.train(training)
    outcomes, log_policy = network(100 * torch.randn(size, 32))
    assert outcomes.shape == (size, 3)
    assert log_policy.shape == (size, 303)
    assert (expected_value(outcomes).abs() <= 1).all()
    assert torch.allclose(log_policy.exp().sum(1), torch.ones(size), atol=1e-5)
    assert all(module.training is training for module in network.modules())


def test_values_stay_in_range_whatever_the_weights(network):
    with torch.no_grad():
        network.value_head.weight *= 1000
    value = expected_value(network(torch.randn(50, 32))[0])
    assert (value.abs() <= 1).all()
    assert value.max() > 0.99
    assert value.min() < -0.99


def test_a_value_is_the_chance_of_a_win_minus_that_of_a_loss():
    chances = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.1, 0.0, 0.9]])
    found = expected_value(chances.log() + torch.tensor([[3.0], [-200.0], [0.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.25], [0.0], [-0.8]]))


def test_a_network_that_says_values_is_the_one_that_it_is_made_of(network):
    observations = torch.randn(4, 32)
    outcomes, log_policy = network(observations)
    values, same_policy = ValueNetwork(network)(observations)
    assert torch.equal(values, expected_value(outcomes))
    assert torch.equal(same_policy, log_policy)


@pytest.mark.parametrize("shape", [(4, 1), (4, 4), (4,), (4, 3, 1), (4, 0)])
def test_anything_else_than_three_outcomes_is_refused_in_one_sentence(shape):
    with pytest.raises(
        ConfigurationError, match=r"win, draw and loss first, of the shape \[4, 3\], not \[4"
    ) as caught:
        expected_value(torch.zeros(shape))
    assert "\n" not in str(caught.value)


def test_fresh_residual_blocks_change_nothing(network):
    hidden = torch.randn(3, 256)
    assert torch.equal(network.blocks(hidden), hidden)
    assert not torch.equal(perturbed(network).blocks(hidden), hidden)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_block_computes_its_formula(activation: str):
    torch.manual_seed(0)
    block = perturbed(pylos_network(16, 1, activation), 0.3).blocks[0]
    x = torch.randn(5, 16)
    (expand, shift), (contract, bias) = block.expand.dense(), block.contract.dense()
    hidden = (block.norm(x) @ expand.T + shift).clamp(min=0)
    hidden = hidden**2 if activation == "relu2" else hidden
    assert hidden.max() > 1.5
    torch.testing.assert_close(block(x), x + hidden @ contract.T + bias)


def test_the_activation_is_the_square_unless_said_otherwise_and_changes_for_all_blocks():
    torch.manual_seed(0)
    squared, plain = perturbed(pylos_network(16, 2)), pylos_network(16, 2, "relu")
    plain.load_state_dict(squared.state_dict())
    observations = torch.randn(5, OBSERVATION_SIZE)
    answers = squared(observations), plain(observations)
    assert (squared.activation, plain.activation) == ("relu2", "relu")
    assert "activation=relu2" in repr(squared)
    assert not torch.allclose(answers[0][0], answers[1][0], atol=1e-4)
    squared.activate_by("relu")
    assert torch.equal(squared(observations)[0], answers[1][0])
    assert squared.activation == "relu"


@pytest.mark.parametrize("activation", ["gelu", "", None, 2, ["relu"]])
def test_an_activation_that_there_is_not_is_refused(activation):
    with pytest.raises(ConfigurationError, match="activation must be relu2 or relu, got"):
        pylos_network(16, 1, activation)


def test_hooks_fire_and_call_is_torchs_own(network):
    fired = []
    network.register_forward_hook(lambda *_: fired.append("network"))
    network.value_head.register_forward_hook(lambda *_: fired.append("value"))
    network(torch.zeros(1, 32))
    assert fired == ["value", "network"]
    assert all(type(module).__call__ is nn.Module.__call__ for module in network.modules())


def test_there_is_no_batch_norm_and_no_buffer_that_runs_along(network):
    assert not any(isinstance(module, nn.modules.batchnorm._NormBase) for module in network.modules())
    assert not list(network.buffers())


@pytest.mark.parametrize("training", [True, False])
def test_rows_do_not_influence_each_other(network, training):
    perturbed(network).train(training)
    observations = torch.randn(5, 32)
    outcomes, log_policy = network(observations)
    for row in range(5):
        alone_outcomes, alone_log_policy = network(observations[row : row + 1])
        assert torch.allclose(alone_outcomes, outcomes[row], atol=1e-5)
        assert torch.allclose(alone_log_policy, log_policy[row], atol=1e-5)


def test_both_modes_agree(network):
    observations = torch.randn(4, 32)
    trained, evaluated = network.train()(observations), network.eval()(observations)
    assert all(torch.equal(a, b) for a, b in zip(trained, evaluated, strict=True))


def test_observations_of_any_shape_are_flattened():
    outcomes, log_policy = PylosNetwork((2, 4, 4), 10, width=16, blocks=1)(torch.randn(5, 2, 4, 4))
    assert (outcomes.shape, log_policy.shape) == ((5, 3), (5, 10))


def test_the_default_size_is_about_650_thousand_parameters():
    parameters = sum(parameter.numel() for parameter in PylosNetwork((184,), 303).parameters())
    assert 600_000 < parameters < 700_000


@pytest.fixture
def symmetric() -> PylosNetwork:
    torch.manual_seed(0)
    return perturbed(pylos_network(64, 2))


@pytest.mark.parametrize("symmetry", range(NUM_SYMMETRIES))
def test_a_turned_position_has_the_same_value_and_the_policy_turned(symmetric, symmetry):
    positions = as_positions([random_game("standard", plies, plies) for plies in range(30)])
    turned = np.array([transform(position, symmetry) for position in positions.tolist()])
    observations = np.empty((2, len(positions), OBSERVATION_SIZE), np.float32)
    observe_all(positions, rules_code("standard"), observations[0])
    observe_all(turned, rules_code("standard"), observations[1])
    found, log_policy = symmetric(torch.from_numpy(observations).flatten(0, 1))
    (outcomes, turned_outcomes), (policy, turned_policy) = (
        found.unflatten(0, (2, -1)),
        log_policy.unflatten(0, (2, -1)),
    )
    assert outcomes.std(0).min() > 0.01
    assert torch.allclose(outcomes, turned_outcomes, atol=1e-5)
    assert torch.allclose(policy, turned_policy[:, SQUARE.actions[symmetry]], atol=1e-4)
    assert symmetry == 0 or not torch.allclose(policy, turned_policy, atol=0.1)


@pytest.mark.parametrize("width", [36, 0, -8])
def test_a_width_that_is_no_multiple_of_the_symmetries_is_refused(width: int):
    with pytest.raises(ConfigurationError, match=f"multiple of 8, got {width}"):
        pylos_network(width, 4)


def test_every_parameter_is_used(network):
    outcomes, log_policy = perturbed(network)(torch.randn(8, 32))
    (outcomes.sum() + log_policy[:, :5].sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_a_few_steps_fit_outcomes_and_policies():
    torch.manual_seed(1)
    network = PylosNetwork((32,), 303, width=64, blocks=2)
    with single_threaded_torch():  # so little work is done sooner alone
        _fit(network)


def _fit(network: PylosNetwork) -> None:
    observations = torch.randn(64, 32)
    ends = torch.where(observations[:, 0] > 0, 0, 2)
    actions = observations[:, 1:9].argmax(1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    for _ in range(100):
        outcomes, log_policy = network(observations)
        value_loss = nn.functional.cross_entropy(outcomes, ends)
        policy_loss = nn.functional.nll_loss(log_policy, actions)
        optimizer.zero_grad()
        (value_loss + policy_loss).backward()
        optimizer.step()
    assert value_loss < 0.1
    assert policy_loss < 0.5
    assert expected_value(outcomes).std() > 0.5
