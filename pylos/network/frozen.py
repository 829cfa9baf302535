"""A network as a search asks it: its weights fixed, and few steps of Python from the observations to the answers."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from pylos.network.compiled import uncompiled
from pylos.network.layers import TiedHead, TiedLinear, TiedNorm
from pylos.network.network import PylosNetwork, ResidualBlock


class FrozenNetwork:
    """What a `PylosNetwork` computes, to the last bit, from a copy of its weights as whole matrices.

    That is faster while the weights stay. The operations stand in one line, without the calls of modules between them:
    these take the longer part of a small batch, and where several threads ask, each waits for the interpreter's lock.

    Args:
        network: what to copy.
        device: where to compute.
        dtype: in which precision.
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
        """See ``PylosNetwork.forward``; observations are [B, N] and of the precision."""
        linear, norm, shape, eps = nn.functional.linear, torch.layer_norm, self._shape, self._eps
        x = linear(observations, *self._stem).relu_()
        for normed, expand, contract in self._blocks:
            x = x + linear(linear(norm(x, shape, *normed, eps), *expand).relu_(), *contract)
        x = norm(x, shape, *self._norm, eps)
        value = linear(linear(x, *self._value_hidden).relu_(), *self._value_head).tanh_()
        return value, linear(x, *self._policy_head).log_softmax(-1)


def frozen(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module | FrozenNetwork:
    """A copy of a network that later training does not reach, in eval mode, whatever in it is compiled."""
    network = uncompiled(network)
    with torch.inference_mode(False), torch.no_grad():  # in a validation, too, it becomes one like any other
        if type(network) is PylosNetwork:  # a subclass may compute something else
            return FrozenNetwork(network, device, dtype)
        return copy.deepcopy(network).to(device, dtype).eval().requires_grad_(False)
