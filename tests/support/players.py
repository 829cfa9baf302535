"""What the tests of players share: a network, checkpoints with what a player needs, and boards to choose on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pylos.game.board import Board
from pylos.network.network import PylosNetwork, pylos_network
from tests.support.boards import random_game
from tests.support.networks import perturbed


def drawn_network(seed: int = 0) -> PylosNetwork:
    """A network of width 32 with a block; all its weights are drawn."""
    torch.manual_seed(seed)
    return perturbed(pylos_network(32, 1), 0.1)


def save_player(path: Path, rules: str = "standard", **changes: Any) -> Path:
    """Saves the drawn network as a checkpoint that holds no more than a player needs."""
    checkpoint = {
        "state_dict": {f"network.{name}": value for name, value in drawn_network().state_dict().items()},
        "hyper_parameters": {"rules": rules, "width": 32, "blocks": 1, "activation": "relu2"},
        "epoch": 3,
        "global_step": 40,
    }
    torch.save(checkpoint | changes, path)
    return path


def some_boards(rules: str = "standard", count: int = 12) -> list[Board]:
    """Boards from random games that go on."""
    games = (random_game(rules, 3 * i % 37, i) for i in range(3 * count))
    return [board for board in games if not board.is_over][:count]


def assert_legal(actions: np.ndarray, boards: list[Board]) -> None:
    assert actions.dtype == np.int64
    assert actions.shape == (len(boards),)
    for action, board in zip(actions, boards, strict=True):
        assert action in board.legal_actions
