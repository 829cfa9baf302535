"""Networks for a search: their weights change only as a whole, and they take few steps in Python."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from pylos.errors import ConfigurationError
from pylos.network.compiled import uncompiled
from pylos.network.layers import TiedHead, TiedLinear, TiedNorm
from pylos.network.network import PylosNetwork, ResidualBlock


class FrozenNetwork:
    """Computes what a `PylosNetwork` computes, to the last bit, from a copy of its weights as whole matrices.

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
            for weight, bias in _dense_layers(network)
        ]
        self._shape, self._eps = network.norm.dense()[0].shape, network.norm.eps

    def __call__(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See `PylosNetwork.forward`. The observations are [B, N], in the precision of the network."""
        linear, norm, shape, eps = nn.functional.linear, torch.layer_norm, self._shape, self._eps
        stem, *blocks, last_norm, policy_head, value_hidden, value_head = self._layers
        x = linear(observations, *stem).relu_()
        for i in range(0, len(blocks), 3):
            normed, expand, contract = blocks[i : i + 3]
            x = x + linear(linear(norm(x, shape, *normed, eps), *expand).relu_(), *contract)
        x = norm(x, shape, *last_norm, eps)
        value = linear(linear(x, *value_hidden).relu_(), *value_head).tanh_()
        return value, linear(x, *policy_head).log_softmax(-1)

    def tensors(self) -> list[Tensor]:
        """The memory of its weights."""
        return [part for layer in self._layers for part in layer]

    @staticmethod
    def tensors_of(network: PylosNetwork) -> list[Tensor]:
        """What the memory of its weights has to hold to compute what a network computes, in any precision."""
        return [part for layer in _dense_layers(network) for part in layer]


def frozen(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module | FrozenNetwork:
    """A copy of a network, which may be compiled, in eval mode. Later training of the network does not change it."""
    network = uncompiled(network)
    # Lightning validates in inference mode. Tensors made in it could not be used outside.
    with torch.inference_mode(False), torch.no_grad():
        if type(network) is PylosNetwork:  # a subclass may compute something else
            return FrozenNetwork(network, device, dtype)
        return copy.deepcopy(network).to(device, dtype).eval().requires_grad_(False)


def load_frozen(copy: nn.Module | FrozenNetwork, network: nn.Module) -> None:
    """Gives a frozen network the weights of another network, in the memory that it has.

    Captured graphs go on with them. On a device nothing may be in flight that computes with the old ones.

    Args:
        copy: what `frozen` has made.
        network: of the kind and the sizes of the one that it was made from.

    Raises:
        ConfigurationError: it is of another kind, or of other sizes.
    """
    network = uncompiled(network)
    with torch.inference_mode(False), torch.no_grad():
        if isinstance(copy, FrozenNetwork):
            old = copy.tensors()
            new = copy.tensors_of(network) if type(network) is PylosNetwork else []
        else:
            old = [*copy.parameters(), *copy.buffers()]
            new = [*network.parameters(), *network.buffers()] if type(network) is type(copy) else []
        if [part.shape for part in old] != [part.shape for part in new]:
            raise ConfigurationError(
                "an evaluator loads only weights of the same kind of network and the same sizes"
            )
        for mine, theirs in zip(old, new, strict=True):
            mine.copy_(theirs)


def _dense_layers(network: PylosNetwork) -> Iterator[tuple[Tensor, Tensor]]:
    """The layers of a network in the order in which it computes them, as whole matrices and biases."""
    layers: list[TiedLinear | TiedHead | TiedNorm] = [network.stem]
    for block in cast(list[ResidualBlock], list(network.blocks)):
        layers += block.norm, block.expand, block.contract
    layers += network.norm, network.policy_head, network.value_hidden, network.value_head
    return (layer.dense() for layer in layers)
