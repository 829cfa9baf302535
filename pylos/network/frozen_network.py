"""A copy of our network for searches, computed layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from pylos.network.layers import TiedHead, TiedLinear, TiedNorm
from pylos.network.network import PylosNetwork, ResidualBlock, expected_value


class FrozenNetwork:
    """Computes the values and log policies of a `PylosNetwork`, to the last bit, from a copy of its whole matrices.

    While the weights do not change, that is faster. It calls torch's operations one after the other, and no modules.
    For a small batch the calls of modules take the longer part of the time, and every thread that makes them waits for
    the interpreter's lock.

    Args:
        network: what to copy.
        device: where to compute.
        dtype: the precision in which it computes.
    """

    def __init__(self, network: PylosNetwork, device: torch.device, dtype: torch.dtype) -> None:
        self._layers = [
            (weight.detach().to(device, dtype, copy=True), bias.detach().to(device, dtype, copy=True))
            for weight, bias in dense_layers(network)
        ]
        self._numbers = network.patterns and network.patterns.numbers.to(device)
        self._table = pattern_table(network).detach().to(device, dtype, copy=True)
        self._shape, self._eps = network.norm.dense()[0].shape, network.norm.eps
        self.activation = network.activation

    def __call__(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See `ValueNetwork.forward`. The observations are [B, N], in the precision of the network."""
        linear, norm, shape, eps = nn.functional.linear, torch.layer_norm, self._shape, self._eps
        stem, *blocks, last_norm, policy_head, value_hidden, value_head = self._layers
        x = linear(observations, *stem)
        if self._numbers:
            x += nn.functional.embedding_bag(self._numbers(observations), self._table, mode="sum")
        x = x.relu_()
        for i in range(0, len(blocks), 3):
            normed, expand, contract = blocks[i : i + 3]
            hidden = linear(norm(x, shape, *normed, eps), *expand).relu_()
            x = x + linear(hidden.mul_(hidden) if self.activation == "relu2" else hidden, *contract)
        x = norm(x, shape, *last_norm, eps)
        outcomes = linear(linear(x, *value_hidden).relu_(), *value_head)
        return expected_value(outcomes), linear(x, *policy_head).log_softmax(-1)

    def tensors(self) -> list[Tensor]:
        """The memory of its weights."""
        return [*(part for layer in self._layers for part in layer), self._table]

    @staticmethod
    def tensors_of(network: PylosNetwork) -> list[Tensor]:
        """What the memory of its weights has to hold to compute what a network computes, in any precision."""
        return [*(part for layer in dense_layers(network) for part in layer), pattern_table(network)]


def dense_layers(network: PylosNetwork) -> Iterator[tuple[Tensor, Tensor]]:
    """The layers of a network in the order in which it computes them, as whole matrices and biases.

    What it adds to the first of them is `pattern_table`.
    """
    layers: list[TiedLinear | TiedHead | TiedNorm] = [network.stem]
    for block in cast(list[ResidualBlock], list(network.blocks)):
        layers += block.norm, block.expand, block.contract
    layers += network.norm, network.policy_head, network.value_hidden, network.value_head
    return (layer.dense() for layer in layers)


def pattern_table(network: PylosNetwork) -> Tensor:
    """The weights of the patterns, [patterns, width]; a network without patterns has none."""
    if network.patterns is None:
        return network.stem.weight.new_empty(0, len(network.norm.dense()[0]))
    return network.patterns.dense()
