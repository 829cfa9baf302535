"""What most hobby projects do: one game, nodes in Python, a call of the network for every simulation."""

from __future__ import annotations

import json
import math
import sys
import time

import numpy as np
import torch

from pylos.game.board import Board
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.network import PylosNetwork, ValueNetwork


class Node:
    """A position with its legal actions."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.actions: list[int] = []
        self.prior: list[float] = []
        self.visits: list[int] = []
        self.total: list[float] = []
        self.children: dict[int, Node] = {}


def expand(node: Node, network: torch.nn.Module) -> float:
    """Asks the network; returns the value for the node's mover."""
    if node.board.is_over:
        return -1.0
    observation = np.empty((1, OBSERVATION_SIZE), np.float32)
    observe_all(np.array([node.board.position]), RULES[node.board.rules], observation)
    with torch.inference_mode():
        value, log_policy = network(torch.from_numpy(observation))
    node.actions = node.board.legal_actions.tolist()
    weights = log_policy[0, node.actions].exp()
    node.prior = (weights / weights.sum()).tolist()
    node.visits, node.total = [0] * len(node.actions), [0.0] * len(node.actions)
    return float(value)


def simulate(node: Node, network: torch.nn.Module) -> float:
    """One simulation by PUCT; returns the value for the node's mover."""
    if not node.actions:
        return expand(node, network)
    scale = 1.5 * math.sqrt(1 + sum(node.visits))

    def score(k: int) -> float:
        mean = node.total[k] / node.visits[k] if node.visits[k] else 0.0
        return mean + scale * node.prior[k] / (1 + node.visits[k])

    k = max(range(len(node.actions)), key=score)
    if k not in node.children:
        after = node.board.copy()
        after.push(node.actions[k])
        node.children[k] = Node(after)
    child = node.children[k]
    value = simulate(child, network)
    value = value if child.board.turn == node.board.turn else -value
    node.visits[k] += 1
    node.total[k] += value
    return value


def main() -> None:
    """Plays for some seconds and prints the speed."""
    simulations, seconds = int(sys.argv[1]), float(sys.argv[2])
    torch.manual_seed(0)
    network = ValueNetwork(PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS)).eval()
    board, positions = Board("standard"), 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        root = Node(board)
        for _ in range(simulations + 1):
            simulate(root, network)
        board = board.copy()
        board.push(root.actions[max(range(len(root.actions)), key=root.visits.__getitem__)])
        board = Board("standard") if board.is_over else board
        positions += 1
    print(json.dumps({"positions_per_second": positions / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()
