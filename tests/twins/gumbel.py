"""Gumbel root selection in plain Python: the slow twin of `pylos.search.gumbel`, written from the paper's algorithm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pylos.game.board import Board
from tests.twins.randomness import draw
from tests.twins.search import Edge, Node, Search, root_visits


def halving(drawn: int, simulations: int) -> list[int]:
    """How many visits the action has that each simulation tries: all that are left in turn, then half of them."""
    if drawn == 1:
        return list(range(simulations))
    plan: list[int] = []
    visits, left = 0, drawn
    while len(plan) < simulations:
        for _ in range(max(1, simulations // (math.ceil(math.log2(drawn)) * left))):
            plan.extend([visits] * left)
            visits += 1
        left = max(2, left // 2)
    return plan[:simulations]


def worth(edge: Edge) -> float | None:
    """What is known of an action, None if nothing."""
    if edge.proof:
        return float(edge.proof)
    return float(edge.total) / edge.visits if edge.visits else None


def worths(root: Node) -> list[float]:
    """What each edge is thought to be worth: what is known, else an average."""
    visited = [edge for edge in root.edges if edge.visits]
    visits = sum(edge.visits for edge in visited)
    average = own = float(root.total) - sum(float(edge.total) for edge in visited)
    if visited:
        mass = sum(float(edge.prior) for edge in visited)
        mean = sum(float(edge.prior) * worth(edge) for edge in visited) / mass
        average = (own + visits * mean) / (1 + visits)
    return [average if (q := worth(edge)) is None else q for edge in root.edges]


def log_policy(root: Node) -> list[float]:
    """The improved policy's logarithm, up to a constant: of edge after edge."""
    scale = (50 + max(edge.visits for edge in root.edges)) / 2
    return [math.log(float(edge.prior)) + scale * q for edge, q in zip(root.edges, worths(root), strict=True)]


@dataclass
class GumbelSearch(Search):
    """As `Search`, but its simulations begin with an action of the plan."""

    gumbel_scale: float = 0.0

    def run(self, board: Board, key: int = 0, earlier: Iterable[int] = ()) -> Node:
        self.path = [*earlier]
        root = Node(board)
        self.visit(root)
        uniform = [((draw(key, k) >> 10) + 0.5) / 2**53 for k in range(len(root.edges))]
        self.noise = [-self.gumbel_scale * math.log(-math.log(u)) for u in uniform]
        self.root = root
        for wanted in halving(min(16, len(root.edges)), self.simulations):
            self.wanted = wanted
            if not root.proof:
                self.visit(root)
        return root

    def best_edge(self, node: Node) -> Edge:
        if node is not self.root:
            return super().best_edge(node)
        scores = [a + b for a, b in zip(log_policy(node), self.noise, strict=True)]
        order = sorted(range(len(scores)), key=lambda k: -scores[k])
        alive = [node.edges[k] for k in order if node.edges[k].proof != -1]
        planned = [edge for edge in alive if edge.visits == self.wanted]
        return (planned or alive)[0]


def weights(root: Node) -> dict[int, int]:
    """What a search hands out: probabilities times 10,000, rounded."""
    if root.proof:
        return root_visits(root)
    scores = log_policy(root)
    alive = {edge.action: score for edge, score in zip(root.edges, scores, strict=True) if edge.proof != -1}
    highest = max(alive.values())
    exps = {action: math.exp(score - highest) for action, score in alive.items()}
    rounded = {action: round(10_000 * e / sum(exps.values())) for action, e in exps.items()}
    return {action: weight for action, weight in rounded.items() if weight}


def value(root: Node) -> float:
    """What the improved policy is worth."""
    if root.proof:
        return float(root.proof)
    edges = zip(log_policy(root), worths(root), root.edges, strict=True)
    alive = [(score, worth) for score, worth, edge in edges if edge.proof != -1]
    highest = max(score for score, _ in alive)
    exps = [math.exp(score - highest) for score, _ in alive]
    return sum(e * worth for e, (_, worth) in zip(exps, alive, strict=True)) / sum(exps)
