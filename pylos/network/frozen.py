"""Networks for a search: their weights change only as a whole, and they take few steps in Python."""

from __future__ import annotations

import copy

import torch
from torch import nn

from pylos.errors import ConfigurationError
from pylos.network.compiled import uncompiled
from pylos.network.frozen_network import FrozenNetwork
from pylos.network.fused import fused_network
from pylos.network.network import PylosNetwork, ValueNetwork


def frozen(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module | FrozenNetwork:
    """A copy of a network that gives values in place of outcomes, in eval mode. Later training does not change it.

    Args:
        network: see `PylosNetwork.forward`; it may be compiled.
        device: where to compute.
        dtype: the precision in which it computes.
    """
    network = uncompiled(network)
    # Lightning validates in inference mode. Tensors made in it could not be used outside.
    with torch.inference_mode(False), torch.no_grad():
        if type(network) is PylosNetwork:  # a subclass may compute something else
            fused = fused_network(network, device) if dtype == torch.bfloat16 else None
            return fused or FrozenNetwork(network, device, dtype)
        return ValueNetwork(copy.deepcopy(network)).to(device, dtype).eval().requires_grad_(False)


def load_frozen(copy: nn.Module | FrozenNetwork, network: nn.Module) -> None:
    """Gives a frozen network the weights of another network, in the memory that it has.

    Captured graphs go on with them. On a device nothing may be in flight that computes with the old ones.

    Args:
        copy: what `frozen` has made.
        network: of the kind, the activation and the sizes of the one that it was made from.

    Raises:
        ConfigurationError: it is of another kind or activation, or of other sizes.
    """
    network = uncompiled(network)
    with torch.inference_mode(False), torch.no_grad():
        if isinstance(copy, FrozenNetwork):
            old = copy.tensors()
            ours = network if type(network) is PylosNetwork else None
            new = copy.tensors_of(ours) if ours and ours.activation == copy.activation else []
        else:
            old = [*copy.parameters(), *copy.buffers()]
            same = isinstance(copy, ValueNetwork) and type(network) is type(copy.network)
            new = [*network.parameters(), *network.buffers()] if same else []
        if [part.shape for part in old] != [part.shape for part in new]:
            raise ConfigurationError(
                "an evaluator loads only weights of the same kind of network and the same sizes"
            )
        for mine, theirs in zip(old, new, strict=True):
            mine.copy_(theirs)
