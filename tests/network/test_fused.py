"""One kernel says what the network does: nearer to float32 than layers in bfloat16, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pylos.network import fused
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.frozen_network import FrozenNetwork
from pylos.network.fused import FusedNetwork, fused_missing, fused_network
from pylos.network.network import pylos_network
from tests.support.fused import (
    CPU,
    STANDARD,
    evaluators,
    in_company,
    lively_network,
    observations_of,
    three_ways,
)
from tests.support.triton_interpreter import interpreted

CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    ("width", "blocks", "count", "activation"),
    [
        (64, 1, 1, "relu2"),
        (64, 3, 129, "relu2"),
        (64, 3, 9, "relu"),
        (128, 2, 67, "relu2"),
        (256, 1, 31, "relu2"),
    ],
)
def test_it_is_nearer_to_float32_than_layers_in_bfloat16(width, blocks, count, activation):
    exact, layered, found = interpreted(three_ways, width, blocks, count, activation)
    for i, bound in enumerate((0.05, 0.1)):
        assert found[i].shape == exact[i].shape
        assert np.isfinite(found[i]).all()
        assert np.abs(found[i] - exact[i]).max() < bound
    assert np.square(found[1] - exact[1]).sum() < 0.5 * np.square(layered[1] - exact[1]).sum()
    np.testing.assert_allclose(np.exp(found[1]).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("width", "blocks", "count", "activation"),
    [(512, 1, 3, "relu2"), (512, 3, 57, "relu2"), (512, 1, 9, "relu")],
)
def test_a_wide_network_is_as_near_to_float32_as_layers_in_bfloat16(width, blocks, count, activation):
    exact, layered, found = interpreted(three_ways, width, blocks, count, activation)
    for i, bound in enumerate((0.05, 0.2)):
        assert np.abs(found[i] - exact[i]).max() < bound
    assert np.square(found[1] - exact[1]).sum() < 1.1 * np.square(layered[1] - exact[1]).sum()
    np.testing.assert_allclose(np.exp(found[1]).sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("width", [64, 512])
def test_a_network_without_patterns_is_computed_as_well(width):
    exact, _, found = interpreted(three_ways, width, 1, 3, patterns=False)
    for i, bound in enumerate((0.05, 0.2)):
        assert np.abs(found[i] - exact[i]).max() < bound


def test_a_row_says_the_same_in_any_company():
    everybody = np.arange(200)
    orders = [everybody, np.where(everybody % 3, everybody[::-1], everybody), np.roll(everybody, 17)]
    (values, policy), (other_values, other_policy), (moved_values, moved_policy) = interpreted(
        in_company, orders
    )
    assert np.array_equal(other_values[::3], values[::3])
    assert np.array_equal(other_policy[::3], policy[::3])
    # In another place the products of the CPU may be summed up in another order, and then be rounded to other bfloat16.
    np.testing.assert_allclose(moved_values, values[orders[2]], atol=1e-5)
    np.testing.assert_allclose(moved_policy, policy[orders[2]], atol=1e-5)


@pytest.mark.parametrize("width", [64, 512])
def test_an_evaluator_goes_on_with_other_weights_and_says_the_same_to_all_who_ask(width: int):
    first, *others = interpreted(evaluators, width, 512)
    for answers in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, answers, strict=True))


def test_where_there_is_no_such_kernel_it_is_said_why(monkeypatch):
    network = pylos_network(64, 1)
    assert "cpu has not compute capability 9.0" in fused_missing(network, CPU)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 6))
    assert "cuda has not compute capability 9.0" in fused_missing(network, CUDA)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr(fused, "find_spec", lambda _: None)
    assert "pip install triton" in fused_missing(network, CUDA)
    with pytest.warns(UserWarning, match="layer by layer: Triton is not installed: pip install triton"):
        assert fused_network(network, CUDA) is None
    assert "width 64, 128, 256" in fused_missing(pylos_network(320, 1), CUDA)
    assert fused_missing(pylos_network(512, 1), CUDA) == fused_missing(network, CUDA)
    assert "blocks" in fused_missing(pylos_network(64, 0), CUDA)
    monkeypatch.setattr(fused, "find_spec", lambda _: "there")
    assert fused_missing(network, CUDA) is None


def test_where_triton_fails_the_layers_are_computed_and_it_is_said_why(monkeypatch):
    """Here it has no device to compile for; elsewhere it may have no compiler for C."""
    monkeypatch.setattr(fused, "fused_missing", lambda *_: None)
    with pytest.warns(UserWarning, match="layer by layer, because Triton makes no kernels for it"):
        evaluate = NetworkEvaluator(pylos_network(64, 1), STANDARD, "cpu", "bfloat16")
    assert type(evaluate.network) is FrozenNetwork


def test_its_matrices_have_the_scales_and_shifts_of_the_norms_in_them():
    """And the value's head is that of win and loss against a draw."""
    network, observations = lively_network(64, 1), observations_of(9)
    stem, expand, contract, heads, *biases = FusedNetwork.tensors_of(network.double())
    block = network.blocks[0]
    plain = {"normalized_shape": (64,), "eps": network.norm.eps}
    with torch.no_grad():
        seen = biases[5].double()[network.patterns.numbers(observations).long()].sum(1)
        x = torch.relu(observations.double() @ stem[:184].double() + biases[0] + seen)
        h = torch.relu(torch.layer_norm(x, **plain) @ expand.double().T + biases[1]) ** 2
        found = (
            torch.layer_norm(x + h @ contract.double() + biases[2], **plain) @ heads.double().T + biases[3]
        )
        known = network.stem(observations.double()) + network.patterns(observations.double())
        known = network.norm(block(torch.relu(known)))
    torch.testing.assert_close(found[:, :303], network.policy_head(known), atol=0.1, rtol=0)
    torch.testing.assert_close(found[:, 320:], network.value_hidden(known), atol=0.1, rtol=0)
    assert (found[:, 303:320] == -torch.inf).all()
    with torch.no_grad():
        units = torch.relu(network.value_hidden(known))
        outcomes = network.value_head(units)
    win_and_loss = units @ biases[4][:, :-1].T.double() + biases[4][:, -1]
    torch.testing.assert_close(win_and_loss, outcomes[:, ::2] - outcomes[:, 1:2], atol=1e-5, rtol=0)


@pytest.mark.gpu
@pytest.mark.parametrize("count", [1, 500, 9_000, 20_000])
@pytest.mark.parametrize(("width", "blocks"), [(64, 2), (128, 2), (256, 4), (512, 2)])
def test_a_device_says_what_float32_says(width: int, blocks: int, count: int):
    network = lively_network(width, blocks)
    observations = observations_of(500).repeat(-(-count // 500), 1)[:count].cuda()
    evaluate = NetworkEvaluator(network, STANDARD, "cuda", "bfloat16")
    assert isinstance(evaluate.network, FusedNetwork) or fused_missing(network, CUDA)
    answers = [(torch.empty(count).cuda(), torch.empty(count, 303).cuda()) for _ in range(2)]
    for answer in answers:
        evaluate.enqueue(observations, *answer)
    exact = FrozenNetwork(network, CUDA, torch.float32)(observations)
    assert torch.equal(answers[0][0], answers[1][0])
    assert torch.equal(answers[0][1], answers[1][1])
    assert (answers[0][0] - exact[0][:, 0]).abs().max() < 0.05
    assert (answers[0][1] - exact[1]).abs().max() < 0.3
    if type(evaluate.network) is FusedNetwork:
        again = answers[0][1][500:1000]
        assert torch.equal(again, answers[0][1][: len(again)])
