"""A copy of our network says what the network does, to the last bit."""

from __future__ import annotations

import pytest
import torch

from pylos.game.observation import OBSERVATION_SIZE
from pylos.network.frozen_network import FrozenNetwork
from pylos.network.network import ACTIVATIONS, ValueNetwork
from tests.network.test_frozen import CPU, SIZES, network_of


@pytest.mark.parametrize("rows", [8, 64, 256])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", SIZES)
def test_it_says_the_same_to_the_last_bit(kind: str, activation: str, rows: int):
    network = network_of(kind, activation)
    observations = torch.randn(rows, OBSERVATION_SIZE)
    with torch.no_grad():
        expected = ValueNetwork(network)(observations)
        found = FrozenNetwork(network, CPU, torch.float32)(observations)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("kind", ["plain", "patterns alone"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_computes_in_the_precision_that_is_asked_for(activation: str, kind: str):
    network = network_of(kind, activation)
    observations = torch.randn(8, OBSERVATION_SIZE).bfloat16()
    with torch.no_grad():
        found = FrozenNetwork(network, CPU, torch.bfloat16)(observations)
        expected = ValueNetwork(network).bfloat16()(observations)
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
