"""Layers with tied weights: what they share, what their gradients are, and where they go."""

import math

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.layers import TiedHead
from pylos.network.network import SQUARE, PylosNetwork, Symmetries, pylos_network
from tests.support.networks import perturbed


def test_any_group_will_do():
    """Three numbers that may be shifted in a circle, and three actions that go with them."""
    shifts = (np.arange(3)[:, None] + np.arange(3)) % 3
    network = perturbed(PylosNetwork((3,), 3, 24, 1, Symmetries(shifts, shifts)))
    observations = torch.randn(5, 3)
    value, log_policy = network(observations)
    shifted_value, shifted_policy = network(observations.roll(1, 1))
    assert torch.allclose(value, shifted_value, atol=1e-5)
    assert torch.allclose(log_policy.roll(1, 1), shifted_policy, atol=1e-5)


def test_gradients_are_those_of_plain_indexing():
    torch.manual_seed(1)
    network = perturbed(pylos_network(64, 2))
    for layer in (network.stem, network.value_hidden, network.policy_head, network.value_head):
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
    network = perturbed(pylos_network(width, 2))
    observations, policy = torch.randn(512, OBSERVATION_SIZE), torch.rand(512, NUM_ACTIONS)
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
    values, log_policy = network(torch.zeros(4, OBSERVATION_SIZE, device="meta"))
    assert log_policy.shape == (4, NUM_ACTIONS)
    (values.sum() + log_policy.sum()).backward()
    assert network.stem.moves.is_meta
    assert network.policy_head.weight.grad.is_meta


def test_a_fresh_head_has_weights_for_the_inputs_that_it_has():
    """torch draws from +-1 / sqrt(inputs), and knows of an eighth of the inputs."""
    most = TiedHead(512, SQUARE.actions).weight.abs().max().item()
    assert 0.95 / math.sqrt(512) < most <= 1 / math.sqrt(512)
