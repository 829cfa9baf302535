"""Networks for a search: their weights are fixed, and they take few steps in Python."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

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
        def whole(layer: TiedLinear | TiedHead | TiedNorm) -> tuple[Tensor, Tensor]:
            weight, bias = (part.detach().to(device, dtype, copy=True) for part in layer.dense())
            return weight, bias

        blocks = cast(list[ResidualBlock], list(network.blocks))
        self._stem = whole(network.stem)
        self._blocks = [(whole(b.norm), whole(b.expand), whole(b.contract)) for b in blocks]
        self._norm = whole(network.norm)
        self._policy_head, self._value_head = whole(network.policy_head), whole(network.value_head)
        self._value_hidden = whole(network.value_hidden)
        self._shape, self._eps = self._norm[0].shape, network.norm.eps

    def __call__(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See `PylosNetwork.forward`. The observations are [B, N], in the precision of the network."""
        linear, norm, shape, eps = nn.functional.linear, torch.layer_norm, self._shape, self._eps
        x = linear(observations, *self._stem).relu_()
        for normed, expand, contract in self._blocks:
            x = x + linear(linear(norm(x, shape, *normed, eps), *expand).relu_(), *contract)
        x = norm(x, shape, *self._norm, eps)
        value = linear(linear(x, *self._value_hidden).relu_(), *self._value_head).tanh_()
        return value, linear(x, *self._policy_head).log_softmax(-1)


def frozen(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module | FrozenNetwork:
    """A copy of a network, which may be compiled, in eval mode. Later training of the network does not change it."""
    network = uncompiled(network)
    # Lightning validates in inference mode. Tensors made in it could not be used outside.
    with torch.inference_mode(False), torch.no_grad():
        if type(network) is PylosNetwork:  # a subclass may compute something else
            return FrozenNetwork(network, device, dtype)
        return copy.deepcopy(network).to(device, dtype).eval().requires_grad_(False)
