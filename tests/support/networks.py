"""Networks that have learned nothing, and players that search with them."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from pylos.network.network import PylosNetwork, pylos_network
from pylos.players.network_player import NetworkPlayer

Network = TypeVar("Network", bound=nn.Module)


def untrained_network() -> PylosNetwork:
    """A small network, always with the same weights."""
    torch.manual_seed(0)
    return pylos_network(16, 1)


def untrained_player(rules: str, simulations: int) -> NetworkPlayer:
    """A player with this network."""
    return NetworkPlayer("network", untrained_network(), rules, simulations)


def perturbed(network: Network, size: float = 0.05) -> Network:
    """Changes all weights of a network a little: the residual blocks of a fresh one add nothing."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += size * torch.randn_like(parameter)
    return network
