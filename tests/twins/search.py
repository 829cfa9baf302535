"""Tree search in plain Python: the slow twin of `pylos.search`. Games are objects, trees grow by recursion.

Of the package only the rules are used, by way of `Board`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from pylos.game.board import Board
from tests.support.boards import moved
from tests.twins.randomness import draw_below, draw_gamma

Evaluate = Callable[[int], tuple[float, np.ndarray]]
"""A packed position to the value for its mover and the log policy [303]."""


@dataclass
class Edge:
    action: int
    prior: np.float32
    visits: int = 0
    total: np.float32 = field(default_factory=lambda: np.float32(0))
    child: Node | None = None
    proof: int = 0


@dataclass
class Node:
    board: Board
    edges: list[Edge] = field(default_factory=list)
    visits: int = 0
    total: np.float32 = field(default_factory=lambda: np.float32(0))
    proof: int = 0
    drawn: bool = False


@dataclass
class Search:
    """PUCT with first-play urgency, proofs, draws by repetition and root noise.

    Totals and priors are kept in single precision.
    """

    evaluate: Evaluate
    simulations: int
    c_puct: float = 1.5
    fpu_reduction: float = 0.25
    dirichlet_alpha: float = 0.3
    dirichlet_fraction: float = 0.0
    draw_value: float = 0.0

    def run(self, board: Board, key: int = 0, earlier: Iterable[int] = ()) -> Node:
        """The root of the tree after the search; `earlier` are the packed positions of the game before it."""
        self.path = [*earlier]
        root = Node(board)
        self.visit(root)
        if self.dirichlet_fraction:
            self.add_noise(root, key)
        for _ in range(self.simulations):
            if not root.proof:
                self.visit(root)
        return root

    def visit(self, node: Node) -> tuple[float, float]:
        """One simulation from a node; returns what it found: the value for the node's mover and for the opponent."""
        if node.board.is_over:
            node.proof, values = -1, (-1.0, 1.0)
        elif node.drawn:
            values = (self.draw_value, self.draw_value)
        elif not node.edges:
            value = self.expand(node)
            values = (value, -value)
        else:
            values = self.follow(node, self.best_edge(node))
            if any(edge.proof == 1 for edge in node.edges):
                node.proof = 1
            elif all(edge.proof == -1 for edge in node.edges):
                node.proof = -1
        node.visits += 1
        node.total = np.float32(node.total + values[0])
        return values

    def follow(self, node: Node, edge: Edge) -> tuple[float, float]:
        self.path.append(node.board.position)
        if edge.child is None:
            after = moved(node.board, edge.action)
            edge.child = Node(after, drawn=after.position in self.path)
        values = self.visit(edge.child)
        self.path.pop()
        same = edge.child.board.turn == node.board.turn
        values = values if same else values[::-1]
        edge.proof = edge.child.proof if same else -edge.child.proof
        edge.visits += 1
        edge.total = np.float32(edge.total + values[0])
        return values

    def expand(self, node: Node) -> float:
        value, log_policy = self.evaluate(node.board.position)
        actions = [int(action) for action in node.board.legal_actions]
        highest = max(float(log_policy[action]) for action in actions)
        weights = [math.exp(float(log_policy[action]) - highest) for action in actions]
        for action, weight in zip(actions, weights, strict=True):
            edge = Edge(action, np.float32(float(np.float32(weight)) / sum(weights)))
            after = moved(node.board, action)
            edge.proof = int(after.is_over and after.turn != node.board.turn)
            node.edges.append(edge)
        if any(edge.proof for edge in node.edges):
            node.proof = 1
            return 1.0
        return float(value)

    def best_edge(self, node: Node) -> Edge:
        """The first of the best, proven losses aside."""
        mass = np.float32(0)
        for edge in node.edges:
            mass += edge.prior if edge.visits else np.float32(0)
        urgency = float(node.total) / node.visits - self.fpu_reduction * float(np.sqrt(mass))
        scale = self.c_puct * float(np.sqrt(np.float32(node.visits)))

        def score(edge: Edge) -> float:
            q = float(edge.total) / edge.visits if edge.visits else urgency
            return q + scale * float(edge.prior) / (1 + edge.visits)

        return max((edge for edge in node.edges if edge.proof != -1), key=score)

    def add_noise(self, root: Node, key: int) -> None:
        noise, counter = [], 0
        for _ in root.edges:
            variate, counter = draw_gamma(key, counter, self.dirichlet_alpha)
            noise.append(variate)
        for edge, variate in zip(root.edges, noise, strict=True):
            kept = np.float32(float(edge.prior) * (1 - self.dirichlet_fraction))
            edge.prior = np.float32(float(kept) + self.dirichlet_fraction * variate / sum(noise))


def root_visits(root: Node) -> dict[int, int]:
    """The visited actions and their visits as a search hands them out."""
    if root.proof == 1:
        return {edge.action: 1 for edge in root.edges if edge.proof == 1}
    alive = [edge for edge in root.edges if edge.proof != -1] or root.edges
    visited = {edge.action: edge.visits for edge in alive if edge.visits}
    return visited or {max(alive, key=lambda edge: edge.prior).action: 1}


def root_value(root: Node) -> float:
    return root.proof or float(root.total) / root.visits


def pick_action(visits: dict[int, int], key: int, greedy: bool) -> int:
    """An action in proportion to its visits, or one of the most visited."""
    top = max(visits.values())
    weights = {a: int(n == top) if greedy else n for a, n in sorted(visits.items())}
    return list(Counter(weights).elements())[draw_below(key, 0, sum(weights.values()))]
