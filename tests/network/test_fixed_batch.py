"""Batches of one size on an accelerator: what they say does not depend on what else is in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from pylos.game.rules import RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.fixed_batch import ROWS
from pylos.network.network import PylosNetwork
from tests.support.evaluators import direct, random_positions, small_network

STANDARD = RULES["standard"]
# Without a GPU the same code computes here, only without a graph.
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture
def network() -> PylosNetwork:
    return small_network()


@pytest.fixture
def positions() -> np.ndarray:
    return random_positions(2 * ROWS + 8)


@pytest.mark.parametrize("device", DEVICES)
def test_any_number_of_positions_is_judged_as_the_network_does(network, positions, device):
    expected_values, expected_policy = direct(network, positions)
    evaluate = NetworkEvaluator(network, STANDARD, device, "float32")
    for count in (1, 8, ROWS, ROWS + 1, len(positions)):
        values, log_policy = evaluate.in_fixed_batches(positions[:count])
        np.testing.assert_allclose(values, expected_values[:count], atol=1e-5)
        np.testing.assert_allclose(log_policy, expected_policy[:count], atol=1e-4)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_position_is_judged_the_same_in_any_company(network, positions, device, precision):
    evaluate = NetworkEvaluator(network, STANDARD, device, precision)
    values, log_policy = evaluate.in_fixed_batches(positions)
    order = np.random.default_rng(0).permutation(len(positions))
    for rows in (order, order[:3], order[5:400]):
        again_values, again_policy = evaluate.in_fixed_batches(positions[rows])
        assert np.array_equal(again_values, values[rows])
        assert np.array_equal(again_policy, log_policy[rows])


@pytest.mark.parametrize("device", DEVICES)
def test_many_threads_at_once_disturb_nobody(network, positions, device):
    evaluate = NetworkEvaluator(network, STANDARD, device, "float32")
    expected = evaluate.in_fixed_batches(positions)[0]

    def ask(i: int) -> bool:
        part = slice(8 * i, 8 * i + 200)
        return np.array_equal(evaluate.in_fixed_batches(positions[part])[0], expected[part])

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(ask, range(100)))


@pytest.mark.parametrize("device", DEVICES)
def test_weights_are_those_of_the_moment_it_was_made(network, positions, device):
    evaluate = NetworkEvaluator(network, STANDARD, device, "float32")
    before = evaluate.in_fixed_batches(positions[:8])[0]
    with torch.no_grad():
        network.value_head.bias[0] += 1
    assert np.array_equal(evaluate.in_fixed_batches(positions[:8])[0], before)
    again = NetworkEvaluator(network, STANDARD, device, "float32")
    assert not np.array_equal(again.in_fixed_batches(positions[:8])[0], before)
