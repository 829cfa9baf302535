"""The lines that a search expects: from each edge of the root on, the most visited action of each node."""

from __future__ import annotations

import numpy as np

from pylos.game.position import take_backs
from pylos.game.rules import step
from pylos.kernels.jit import inlined
from pylos.search.tree import NO_EDGE, NO_NODE, PROVEN_WIN, ROOT, Tree


@inlined
def _expected_edge(tree: Tree, g: int, node: int) -> int:
    """The most visited edge of a node, the first of equals; NO_EDGE if none has a visit or a proof.

    An edge that is proven to win comes before all others, one that is proven to lose behind them.
    """
    first = tree.first_edge[g, node]
    best, best_proof, best_visits = NO_EDGE, 0, 0
    for edge in range(first, first + tree.num_edges[g, node]):
        proof, visits = tree.edge_proven[g, edge], tree.edge_visits[g, edge]
        if not visits and proof != PROVEN_WIN:
            continue
        if best == NO_EDGE or proof > best_proof or (proof == best_proof and visits > best_visits):
            best, best_proof, best_visits = edge, proof, visits
    return best


@inlined
def expected_line(tree: Tree, g: int, edge: int, code: int, actions: np.ndarray, pending: np.ndarray) -> int:
    """Follows the line that a search expects after an edge of its root.

    Args:
        tree: the trees.
        g: which of them.
        edge: of the root.
        code: the rule set's number.
        actions: int16 [L] receives the actions of the line, of which the edge's own is the first.
        pending: int8 [L + 1] receives the balls that may be taken back before each action, and after the last one.

    Returns:
        The number of actions, at most L.
    """
    node, position, action, n = ROOT, np.int64(0), np.int64(0), 0
    while n < actions.shape[0] and edge != NO_EDGE:
        position, action = tree.position[g, node], np.int64(tree.edge_action[g, edge])
        actions[n], pending[n] = action, take_backs(position)
        n += 1
        node = tree.edge_child[g, edge]
        edge = _expected_edge(tree, g, node) if node != NO_NODE else NO_EDGE
    pending[n] = take_backs(step(position, action, code))
    return n
