"""The evaluator computes what the network does, frozen, and in the precision that is asked for."""

import math

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.position import START
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.network import SQUARE, PylosNetwork
from pylos.network.patterns import PATTERNS
from tests.support.evaluators import direct, let_overflow, random_positions, small_network

STANDARD = RULES["standard"]


@pytest.fixture
def network() -> PylosNetwork:
    return small_network()


@pytest.fixture
def positions() -> np.ndarray:
    return random_positions(32)


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
        network.value_head.bias[0] += 1
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
        outcomes, log_policy = super().forward(observations)
        return outcomes.flip(1), log_policy


class _Scaled(torch.nn.Module):
    """Contains our network, and a number that its text does not show."""

    def __init__(self, network, scale):
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, observations):
        outcomes, log_policy = self.network(observations)
        return outcomes * self.scale, log_policy


def test_networks_that_compute_something_else_are_taken_as_they_are(network, positions):
    values = direct(network, positions)[0]
    sizes = {"width": 64, "blocks": 2, "symmetries": SQUARE, "patterns": PATTERNS}
    subclass = _Pessimist((OBSERVATION_SIZE,), NUM_ACTIONS, **sizes)
    subclass.load_state_dict(network.state_dict())
    evaluate = NetworkEvaluator(subclass, STANDARD, "cpu", "float32")
    np.testing.assert_allclose(evaluate(positions)[0], -values, atol=1e-6)
    for scale in (1, -1):
        scaled = _Scaled(network, scale)
        found = NetworkEvaluator(scaled, STANDARD, "cpu", "float32")(positions)[0]
        np.testing.assert_allclose(found, direct(scaled, positions)[0], atol=1e-6)
        assert np.allclose(found, values) == (scale == 1)


def test_an_evaluator_of_a_validation_serves_outside_of_it(network, positions):
    """Lightning validates in inference mode, whose tensors nobody may write to outside of it."""
    for mode in (True, False, True):
        with torch.inference_mode(mode):
            evaluate = NetworkEvaluator(network, STANDARD, "cpu", "float32")
        assert np.array_equal(evaluate(positions)[0], direct(network, positions)[0])
        torch.nn.init.normal_(network.value_head.weight)


@pytest.mark.parametrize("count", [1, 5, 8, 31])
def test_any_number_of_positions_is_evaluated(network, positions, count: int):
    values, log_policy = NetworkEvaluator(network, STANDARD, "cpu", "float32")(positions[:count])
    assert (values.shape, log_policy.shape) == ((count,), (count, NUM_ACTIONS))
    expected_values, expected_policy = direct(network, positions)
    np.testing.assert_allclose(values, expected_values[:count], atol=1e-5)
    np.testing.assert_allclose(log_policy, expected_policy[:count], atol=1e-4)


def test_on_a_cpu_searches_have_a_cache(network, positions):
    evaluate = NetworkEvaluator(network, STANDARD, "cpu", "float32")
    assert evaluate.network_share == 1
    cached = evaluate.cached()
    cached(positions[:8])
    cached(positions[:8])
    assert cached.network_share <= 0.5
    evaluate.on_accelerator = True
    assert evaluate.cached() is evaluate


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_answers_that_are_not_finite_are_refused_with_the_name_of_the_network(precision: str):
    evaluate = NetworkEvaluator(let_overflow(small_network()), STANDARD, "cpu", precision, "this one")
    with pytest.raises(NonFiniteNetworkError, match="this one"):
        evaluate(np.zeros(3, np.int64))


class _Answers(torch.nn.Module):
    """Replaces the outcomes, or the log policy of an action, by a number."""

    def __init__(self, action: int | None, number: float) -> None:
        super().__init__()
        self.network, self.action, self.number = small_network(), action, number

    def forward(self, observations):
        outcomes, log_policy = self.network(observations)
        if self.action is None:
            return torch.full_like(outcomes, self.number), log_policy
        return outcomes, log_policy.index_fill(1, torch.tensor([self.action]), self.number)


@pytest.mark.parametrize("number", [-math.inf, math.nan])
@pytest.mark.parametrize(("action", "usable"), [(None, False), (0, False), (15, False), (29, True)])
def test_values_and_the_policy_of_legal_actions_must_be_finite(action, usable: bool, number: float):
    """On the empty board 0 to 15 are legal, and 29, the apex, is not: a network may mask it."""
    evaluate = NetworkEvaluator(_Answers(action, number), STANDARD, "cpu", "float32")
    start = np.array([START])
    if usable:
        evaluate(start)
    else:
        with pytest.raises(NonFiniteNetworkError, match="the network gives values or policies"):
            evaluate(start)


def enqueued(evaluate: NetworkEvaluator, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What an evaluator writes when it reads observations from the memory of its device."""
    n = len(positions)
    observations = np.empty((n, OBSERVATION_SIZE), np.float32)
    observe_all(positions, STANDARD, observations)
    values, log_policy = torch.full((n,), math.nan), torch.full((n, NUM_ACTIONS), math.nan)
    evaluate.enqueue(torch.from_numpy(observations), values, log_policy)
    return values.numpy(), log_policy.numpy()


@pytest.mark.parametrize("mode", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", [lambda network: network, lambda network: _Scaled(network, 0.5)])
def test_a_search_on_a_device_gets_the_same_answers(network, positions, kind, precision: str, mode: bool):
    evaluate = NetworkEvaluator(kind(network), STANDARD, "cpu", precision)
    with torch.inference_mode(mode):
        answers = enqueued(evaluate, positions)
    for found, expected in zip(answers, evaluate(positions), strict=True):
        assert found.dtype == np.float32
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("count", [1, 5, 31])
def test_a_search_on_a_device_may_have_any_number_of_positions(network, positions, count: int):
    values, log_policy = enqueued(NetworkEvaluator(network, STANDARD, "cpu", "float32"), positions[:count])
    expected_values, expected_policy = direct(network, positions)
    np.testing.assert_allclose(values, expected_values[:count], atol=1e-5)
    np.testing.assert_allclose(log_policy, expected_policy[:count], atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_loaded_weights_give_the_bits_of_a_fresh_evaluator(network, positions, precision: str):
    evaluate = NetworkEvaluator(network, STANDARD, "cpu", precision)
    before = enqueued(evaluate, positions)[0]
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.12)
    evaluate.load(network)
    after = enqueued(evaluate, positions)
    fresh = enqueued(NetworkEvaluator(network, STANDARD, "cpu", precision), positions)
    assert not np.array_equal(after[0], before)
    assert all(np.array_equal(a, b) for a, b in zip(after, fresh, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_captured_graph_goes_on_with_loaded_weights(network, precision: str):
    evaluate = NetworkEvaluator(network, STANDARD, "cuda", precision)
    observations = torch.randn(333, OBSERVATION_SIZE, device="cuda")
    values, log_policy = torch.empty(333, device="cuda"), torch.empty(333, NUM_ACTIONS, device="cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        evaluate.enqueue(observations, values, log_policy)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        evaluate.enqueue(observations, values, log_policy)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.12)
    evaluate.load(network)
    values.fill_(math.nan)
    torch.cuda.synchronize()
    graph.replay()
    torch.cuda.synchronize()
    found = values.clone(), log_policy.clone()
    NetworkEvaluator(network, STANDARD, "cuda", precision).enqueue(observations, values, log_policy)
    assert torch.equal(found[0], values)
    assert torch.equal(found[1], log_policy)
