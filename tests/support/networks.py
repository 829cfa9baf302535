"""Networks that have learned nothing, and players that search with them."""

from __future__ import annotations

import torch

from pylos.network.network import PylosNetwork, pylos_network
from pylos.players.network_player import NetworkPlayer


def untrained_network() -> PylosNetwork:
    """A small network, always with the same weights."""
    torch.manual_seed(0)
    return pylos_network(16, 1)


def untrained_player(rules: str, simulations: int) -> NetworkPlayer:
    """A player with this network."""
    return NetworkPlayer("network", untrained_network(), rules, simulations)
