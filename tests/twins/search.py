"""Randomness, playouts, observations, tree search and self-play in plain Python: slow twins of the kernels.

Games are objects, trees grow by recursion. Of the package only the rules are used, by way of `Board`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pylos.game.board import Board
from tests.twins import rules as naive

# Randomness -------------------------------------------------------------------------------------------------


def draw(key: int, counter: int) -> int:
    """SplitMix64 without its lowest bit."""
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return (z ^ (z >> 31)) // 2


def draw_below(key: int, counter: int, n: int) -> int:
    return pick_below(draw(key, counter), n)


def pick_below(bits: int, n: int) -> int:
    """The upper 32 of 63 bits, as a fraction of 1, times n, rounded down."""
    return bits // 2**31 * n // 2**32


def draw_uniform(key: int, counter: int) -> float:
    return (draw(key, counter) // 2**10 + 0.5) / 2**53


def draw_gamma(key: int, counter: int, shape: float) -> tuple[float, int]:
    """Marsaglia and Tsang's method, and the counter after the draws it took."""
    if shape < 1:
        uniform = draw_uniform(key, counter)
        variate, counter = draw_gamma(key, counter + 1, shape + 1)
        return variate * uniform ** (1 / shape), counter
    d = shape - 1 / 3
    while True:
        u1, u2, u3 = (draw_uniform(key, counter + i) for i in range(3))
        counter += 3
        x = math.sqrt(-2 * math.log(u1)) * math.cos(2 * math.pi * u2)
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(u3) < x * x / 2 + d - d * v + d * math.log(v):
            return d * v, counter


# Playouts and observations ----------------------------------------------------------------------------------

ACTION_IDS = {name: i for i, name in enumerate(naive.action_names())} | {"=": 29}


def action_id(action: naive.Action) -> int:
    return ACTION_IDS[naive.name(action)]


def sorted_actions(game: naive.Game, rules: str) -> list[naive.Action]:
    """The legal actions by id."""
    return sorted(naive.legal(game, rules), key=action_id)


def playout(game: naive.Game, rules: str, key: int, limit: int) -> tuple[int, int]:
    """Outcome for the player who starts, and the number of actions."""
    starter = game.side
    for ply in range(limit):
        actions = sorted_actions(game, rules)
        if not actions:
            return (-1 if game.side == starter else 1), ply
        game = naive.step(game, actions[draw_below(key, ply, len(actions))], rules)
    return 0, limit


def observe(game: naive.Game, rules: str) -> list[float]:
    supported = naive.supported(game.occupied | naive.ground(rules))
    balls = naive.balls_per_player(rules)
    other_side = naive.Game(game.white, game.black, "b" if game.side == "w" else "w", 0)
    return [
        *(float(cell in game.own) - float(cell in game.opponent) for cell in naive.CELLS),
        (balls - len(game.own)) / 15,
        (balls - len(game.opponent)) / 15,
        float(game.pending == 2),
        float(game.pending == 1),
        *_plane(supported),
        *_plane(naive.free(game)),
        *_plane(naive.free(other_side)),
        *_plane({cell for cell in supported if _completes(game.own | {cell}, cell, rules)}),
        *_plane({cell for cell in supported if _completes(game.opponent | {cell}, cell, rules)}),
    ]


def _plane(cells: set[naive.Cell]) -> list[float]:
    return [float(cell in cells) for cell in naive.CELLS]


def _completes(balls: frozenset[naive.Cell], cell: naive.Cell, rules: str) -> bool:
    return any(cell in shape and shape <= balls for shape in naive.lines_and_squares(rules))


# Search -----------------------------------------------------------------------------------------------------

Evaluate = Callable[[int], tuple[float, np.ndarray]]
"""A packed position to the value for its mover and the log policy [303]."""


def moved(board: Board, action: int) -> Board:
    """The board after one action."""
    after = Board.from_position(board.position, board.rules)
    after.push(action)
    return after


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


@dataclass
class NaiveSearch:
    """PUCT with first-play urgency, proofs and root noise. Totals and priors are kept in single precision."""

    evaluate: Evaluate
    simulations: int
    c_puct: float = 1.5
    fpu_reduction: float = 0.25
    dirichlet_alpha: float = 0.3
    dirichlet_fraction: float = 0.0

    def run(self, board: Board, key: int = 0) -> Node:
        """The root of the tree after the search."""
        root = Node(board)
        self.visit(root)
        if self.dirichlet_fraction:
            self.add_noise(root, key)
        for _ in range(self.simulations):
            if not root.proof:
                self.visit(root)
        return root

    def visit(self, node: Node) -> float:
        """One simulation from a node; returns the value that it found, for the node's mover."""
        if node.board.is_over:
            node.proof, value = -1, -1.0
        elif not node.edges:
            value = self.expand(node)
        else:
            value = self.follow(node, self.best_edge(node))
            if any(edge.proof == 1 for edge in node.edges):
                node.proof = 1
            elif all(edge.proof == -1 for edge in node.edges):
                node.proof = -1
        node.visits += 1
        node.total = np.float32(node.total + value)
        return value

    def follow(self, node: Node, edge: Edge) -> float:
        if edge.child is None:
            edge.child = Node(moved(node.board, edge.action))
        sign = 1 if edge.child.board.turn == node.board.turn else -1
        value = sign * self.visit(edge.child)
        edge.proof = sign * edge.child.proof
        edge.visits += 1
        edge.total = np.float32(edge.total + value)
        return value

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
