"""The network keeps the promises of its interface and can learn."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pylos.errors import ConfigurationError
from pylos.game.board import as_positions
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS, rules_code
from pylos.game.symmetry import NUM_SYMMETRIES, transform
from pylos.network.layers import TiedHead
from pylos.network.network import SQUARE, PylosNetwork, Symmetries, pylos_network
from pylos.network.threads import single_threaded_torch
from tests.support.boards import random_game


@pytest.fixture
def network() -> PylosNetwork:
    torch.manual_seed(0)
    return PylosNetwork((32,), 303)


def _perturb(network: nn.Module) -> nn.Module:
    """Fresh residual blocks add nothing; give them something to do."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_shapes_and_ranges_in_both_modes(network, training, size):
    network.train(training)
    value, log_policy = network(100 * torch.randn(size, 32))
    assert value.shape == (size, 1)
    assert log_policy.shape == (size, 303)
    assert (value.abs() <= 1).all()
    assert torch.allclose(log_policy.exp().sum(1), torch.ones(size), atol=1e-5)
    assert all(module.training is training for module in network.modules())


def test_values_stay_in_range_whatever_the_weights(network):
    with torch.no_grad():
        network.value_head.weight *= 1000
    value, _ = network(torch.randn(50, 32))
    assert (value.abs() <= 1).all()
    assert value.max() > 0.99
    assert value.min() < -0.99


def test_fresh_residual_blocks_change_nothing(network):
    hidden = torch.randn(3, 256)
    assert torch.equal(network.blocks(hidden), hidden)
    assert not torch.equal(_perturb(network).blocks(hidden), hidden)


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
    _perturb(network).train(training)
    observations = torch.randn(5, 32)
    value, log_policy = network(observations)
    for row in range(5):
        alone_value, alone_log_policy = network(observations[row : row + 1])
        assert torch.allclose(alone_value, value[row], atol=1e-6)
        assert torch.allclose(alone_log_policy, log_policy[row], atol=1e-5)


def test_both_modes_agree(network):
    observations = torch.randn(4, 32)
    trained, evaluated = network.train()(observations), network.eval()(observations)
    assert all(torch.equal(a, b) for a, b in zip(trained, evaluated, strict=True))


def test_observations_of_any_shape_are_flattened():
    value, log_policy = PylosNetwork((2, 4, 4), 10, width=16, blocks=1)(torch.randn(3, 2, 4, 4))
    assert (value.shape, log_policy.shape) == ((3, 1), (3, 10))


def test_the_default_size_is_about_650_thousand_parameters():
    parameters = sum(parameter.numel() for parameter in PylosNetwork((184,), 303).parameters())
    assert 600_000 < parameters < 700_000


@pytest.fixture
def symmetric() -> PylosNetwork:
    torch.manual_seed(0)
    network = pylos_network(64, 2)
    assert isinstance(_perturb(network), PylosNetwork)
    return network


@pytest.mark.parametrize("symmetry", range(NUM_SYMMETRIES))
def test_a_turned_position_has_the_same_value_and_the_policy_turned(symmetric, symmetry):
    positions = as_positions([random_game("standard", plies, plies) for plies in range(30)])
    turned = np.array([transform(position, symmetry) for position in positions.tolist()])
    observations = np.empty((2, len(positions), OBSERVATION_SIZE), np.float32)
    observe_all(positions, rules_code("standard"), observations[0])
    observe_all(turned, rules_code("standard"), observations[1])
    values, log_policy = symmetric(torch.from_numpy(observations).flatten(0, 1))
    (value, turned_value), (policy, turned_policy) = values.view(2, -1), log_policy.view(2, -1, NUM_ACTIONS)
    assert value.std() > 0.01
    assert torch.allclose(value, turned_value, atol=1e-5)
    assert torch.allclose(policy, turned_policy[:, SQUARE.actions[symmetry]], atol=1e-4)
    assert symmetry == 0 or not torch.allclose(policy, turned_policy, atol=0.1)


def test_any_group_will_do():
    """Three numbers that may be shifted in a circle, and three actions that go with them."""
    shifts = (np.arange(3)[:, None] + np.arange(3)) % 3
    network = PylosNetwork((3,), 3, 24, 1, Symmetries(shifts, shifts))
    _perturb(network)
    observations = torch.randn(5, 3)
    value, log_policy = network(observations)
    shifted_value, shifted_policy = network(observations.roll(1, 1))
    assert torch.allclose(value, shifted_value, atol=1e-5)
    assert torch.allclose(log_policy.roll(1, 1), shifted_policy, atol=1e-5)


def test_gradients_are_those_of_plain_indexing(symmetric):
    torch.manual_seed(1)
    for layer in (symmetric.stem, symmetric.value_hidden, symmetric.policy_head, symmetric.value_head):
        weight, bias = layer.dense()
        upstream = torch.randn_like(weight), torch.randn_like(bias)
        got = torch.autograd.grad((weight, bias), (layer.weight, layer.bias), upstream)
        if isinstance(layer, TiedHead):
            plain = layer.weight[layer.moves].transpose(0, 1).flatten(1), layer.bias[layer.moves].mean(0)
        else:
            plain = layer.weight[:, layer.moves].transpose(0, 1).flatten(0, 1), layer.bias.repeat(8)
        assert torch.equal(plain[0], weight)
        assert torch.equal(plain[1], bias)
        expected = torch.autograd.grad(plain, (layer.weight, layer.bias), upstream)
        for a, b in zip(got, expected, strict=True):
            assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("width", [128, 256])
def test_gradients_have_the_same_bits_every_time(width):
    """With two threads torch adds some gradients up in the order in which the threads come."""
    torch.manual_seed(0)
    network = _perturb(pylos_network(width, 2))
    observations, policy = torch.rand(512, OBSERVATION_SIZE), torch.rand(512, NUM_ACTIONS)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    found = set()
    try:
        for _ in range(20):
            network.zero_grad()
            values, log_policy = network(observations)
            (values.square().mean() - (policy * log_policy).sum(1).mean()).backward()
            found.add(b"".join(parameter.grad.numpy().tobytes() for parameter in network.parameters()))
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1


def test_a_width_that_the_symmetries_do_not_divide_is_refused():
    with pytest.raises(ConfigurationError, match="multiple of 8, got 36"):
        pylos_network(36, 4)


def test_every_parameter_is_used(network):
    value, log_policy = _perturb(network)(torch.randn(8, 32))
    (value.sum() + log_policy[:, :5].sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_a_few_steps_fit_values_and_policies():
    torch.manual_seed(1)
    network = PylosNetwork((32,), 303, width=64, blocks=2)
    with single_threaded_torch():  # so little work is done sooner alone
        _fit(network)


def _fit(network: PylosNetwork) -> None:
    observations = torch.randn(64, 32)
    outcomes = torch.where(observations[:, :1] > 0, 0.9, -0.9)
    actions = observations[:, 1:9].argmax(1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    for _ in range(100):
        value, log_policy = network(observations)
        value_loss = nn.functional.mse_loss(value, outcomes)
        policy_loss = nn.functional.nll_loss(log_policy, actions)
        optimizer.zero_grad()
        (value_loss + policy_loss).backward()
        optimizer.step()
    assert value_loss < 0.05
    assert policy_loss < 0.5
    assert value.std() > 0.5


def test_averaging_weights_leaves_the_symmetries_alone():
    network = pylos_network(16, 1)
    observations = torch.randn(8, OBSERVATION_SIZE)
    expected = network.eval()(observations)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for _ in range(3):
        averaged.update_parameters(network)
    for found, value in zip(averaged(observations), expected, strict=True):
        torch.testing.assert_close(found, value)
    pylos_network(16, 1)  # nor are the symmetries of all networks touched


def test_the_symmetries_go_along_to_another_device():
    network = pylos_network(16, 1).to("meta")
    assert network(torch.zeros(4, OBSERVATION_SIZE, device="meta"))[1].shape == (4, NUM_ACTIONS)
