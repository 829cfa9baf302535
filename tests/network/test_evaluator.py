"""The evaluator computes what the network does, frozen, and in the precision that is asked for."""

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.playouts import random_action
from pylos.game.position import START
from pylos.game.rules import NUM_ACTIONS, RULES, step
from pylos.kernels.randomness import draw
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import SQUARE, PylosNetwork
from tests.support.evaluators import direct, small_network

STANDARD = RULES["standard"]


@pytest.fixture
def network() -> PylosNetwork:
    return small_network()


@pytest.fixture
def positions() -> np.ndarray:
    positions = [START]
    while len(positions) < 32:
        action = random_action(positions[-1], STANDARD, draw(0, len(positions)))
        positions.append(step(positions[-1], action, STANDARD))
    return np.array(positions)


def test_it_computes_what_the_network_does_to_the_last_bit_in_every_padded_batch(network, positions):
    evaluate = NetworkEvaluator(network, STANDARD, "cpu", "float32")
    values, log_policy = direct(network, positions)
    for size in (8, 16, 32):
        got_values, got_policy = evaluate(positions[:size])
        assert np.array_equal(got_values, values[:size])
        assert np.array_equal(got_policy, log_policy[:size])


def test_it_is_a_frozen_copy(network, positions):
    network.train()
    evaluate = NetworkEvaluator(network, STANDARD, "cpu", "float32")
    before = evaluate(positions)[0]
    with torch.no_grad():
        network.value_head.bias += 1
    assert np.array_equal(evaluate(positions)[0], before)
    assert not np.array_equal(direct(network, positions)[0], before)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_bfloat16_is_close_and_comes_back_as_float32(network, positions):
    values, log_policy = NetworkEvaluator(network, STANDARD, "cpu", "bfloat16")(positions)
    exact_values, exact_policy = direct(network, positions)
    assert values.dtype == log_policy.dtype == np.float32
    assert not np.array_equal(values, exact_values)
    assert np.abs(values - exact_values).max() < 0.1
    assert np.abs(log_policy - exact_policy).max() < 0.3


def test_unknown_precision_is_refused(network):
    with pytest.raises(ConfigurationError, match="int8"):
        NetworkEvaluator(network, STANDARD, "cpu", "int8")


class _Pessimist(PylosNetwork):
    """Computes something else with the same weights."""

    def forward(self, observations):
        values, log_policy = super().forward(observations)
        return values - 1, log_policy


class _Scaled(torch.nn.Module):
    """Contains our network, and a number that its text does not show."""

    def __init__(self, network, scale):
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, observations):
        values, log_policy = self.network(observations)
        return values * self.scale, log_policy


def test_networks_that_compute_something_else_are_taken_as_they_are(network, positions):
    values = direct(network, positions)[0]
    subclass = _Pessimist((OBSERVATION_SIZE,), NUM_ACTIONS, width=64, blocks=2, symmetries=SQUARE)
    subclass.load_state_dict(network.state_dict())
    np.testing.assert_allclose(
        NetworkEvaluator(subclass, STANDARD, "cpu", "float32")(positions)[0], values - 1
    )
    for scale in (1, -1):
        evaluate = NetworkEvaluator(_Scaled(network, scale), STANDARD, "cpu", "float32")
        np.testing.assert_allclose(evaluate(positions)[0], scale * values, rtol=1e-4)
        del evaluate


def test_an_evaluator_of_a_validation_serves_outside_of_it(network, positions):
    """Lightning validates in inference mode, whose tensors nobody may write to outside of it."""
    for mode in (True, False, True):
        with torch.inference_mode(mode):
            evaluate = NetworkEvaluator(network, STANDARD, "cpu", "float32")
        assert np.array_equal(evaluate(positions)[0], direct(network, positions)[0])
        torch.nn.init.normal_(network.value_head.weight)
