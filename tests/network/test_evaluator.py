"""The evaluator computes what the network does, frozen, and in the precision that is asked for."""

import json

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.playouts import random_action
from pylos.game.rules import NUM_ACTIONS, RULES, START, step
from pylos.kernels.randomness import draw
from pylos.network import precision
from pylos.network.evaluator import PRECISIONS, NetworkEvaluator
from pylos.network.network import SQUARE, PylosNetwork
from pylos.network.precision import fastest_precision
from pylos.network.threads import single_threaded_torch
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


def test_the_fastest_precision_is_measured_once_on_a_machine(network, tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    first = fastest_precision(network, "cpu", 16)
    assert first in PRECISIONS
    other = next(name for name in PRECISIONS if name != first)
    monkeypatch.setattr(precision, "_measure_precisions", lambda *_: other)
    assert fastest_precision(network, "cpu", 16) == first
    assert fastest_precision(network, "cpu", 24) == other


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", "7", "null", '"float32"', "[" * 100_000, "9" * 5000, "{}" + 2_000_000 * " ", "\udcff"),
        *(
            f'{{"KEY": {value}}}'
            for value in ("[]", "{}", "null", "1e999", "9" * 5000, '"int8"', '["float32"]')
        ),
    ],
)
def test_what_was_measured_is_measured_anew_where_something_else_lies(
    network, tmp_path, monkeypatch, content
):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "_measure_precisions", lambda *_: "bfloat16")
    path = tmp_path / "precision.json"
    assert fastest_precision(network, "cpu", 16) == "bfloat16"
    (key,) = json.loads(path.read_text())
    path.write_bytes(content.replace("KEY", key).encode(errors="surrogateescape"))
    assert fastest_precision(network, "cpu", 16) == "bfloat16"
    assert json.loads(path.read_text()) == {key: "bfloat16"}


@pytest.mark.parametrize("place", ["f/home", "x" * 300])
def test_nowhere_to_keep_it_costs_a_measurement(network, tmp_path, monkeypatch, place):
    (tmp_path / "f").write_text("a file")
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path / place))
    monkeypatch.setattr(precision, "_measure_precisions", lambda *_: "bfloat16")
    assert fastest_precision(network, "cpu", 16) == "bfloat16"


def test_torch_gets_its_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with single_threaded_torch():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


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
