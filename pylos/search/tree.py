"""Search trees of many games at once: a struct of arrays and the compiled kernels that grow it.

In the shape descriptions G is the number of games, N the nodes of a game's tree and E its edges. Every game owns
one row; rows never touch each other. A node's value belongs to the player to move there; an edge's value and proof
are seen by the player who takes the edge. Signs flip only where the mover changes (a take-back keeps the mover).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylos.game.rules import (
    MAX_LEGAL_ACTIONS,
    balls_per_player,
    is_over,
    legal_actions,
    mover,
    opponent_cells,
    step,
)
from pylos.kernels.bits import popcount
from pylos.kernels.jit import jit

ROOT = 0
NO_NODE = -1
NO_EDGE = -1
PROVEN_WIN, UNPROVEN, PROVEN_LOSS = 1, 0, -1


class Tree(NamedTuple):
    """The arrays of all trees; made by ``new_tree``."""

    position: np.ndarray
    """int64 [G, N] packed positions."""
    parent: np.ndarray
    """int32 [G, N] parent node, NO_NODE at the root."""
    parent_edge: np.ndarray
    """int32 [G, N] the edge by which the parent reaches the node."""
    first_edge: np.ndarray
    """int32 [G, N] where the node's edges begin; they are contiguous."""
    num_edges: np.ndarray
    """int32 [G, N] number of edges, which is the number of legal actions; 0 before expansion."""
    visits: np.ndarray
    """int32 [G, N] simulations that passed through or ended at the node."""
    value_sum: np.ndarray
    """float32 [G, N] sum of the values backed up to the node, seen by its mover."""
    proven: np.ndarray
    """int8 [G, N] PROVEN_WIN, PROVEN_LOSS or UNPROVEN for the node's mover."""
    edge_action: np.ndarray
    """int16 [G, E] action ids."""
    edge_prior: np.ndarray
    """float32 [G, E] prior probabilities."""
    edge_visits: np.ndarray
    """int32 [G, E] simulations that took the edge."""
    edge_value_sum: np.ndarray
    """float32 [G, E] sum of the values backed up along the edge, seen by the player who takes it."""
    edge_child: np.ndarray
    """int32 [G, E] the node that the edge leads to, NO_NODE before its first visit."""
    edge_proven: np.ndarray
    """int8 [G, E] PROVEN_WIN, PROVEN_LOSS or UNPROVEN for the player who takes the edge."""
    node_count: np.ndarray
    """int32 [G] nodes in use."""
    edge_count: np.ndarray
    """int32 [G] edges in use."""
    leaf: np.ndarray
    """int32 [G] the node that waits for the network, or NO_NODE."""


def new_tree(games: int, simulations: int) -> Tree:
    """Room for ``games`` trees of ``simulations`` simulations each. Untouched pages take no memory."""
    nodes = (games, simulations + 1)
    edges = (games, (simulations + 1) * MAX_LEGAL_ACTIONS)
    return Tree(
        position=np.zeros(nodes, np.int64),
        parent=np.zeros(nodes, np.int32),
        parent_edge=np.zeros(nodes, np.int32),
        first_edge=np.zeros(nodes, np.int32),
        num_edges=np.zeros(nodes, np.int32),
        visits=np.zeros(nodes, np.int32),
        value_sum=np.zeros(nodes, np.float32),
        proven=np.zeros(nodes, np.int8),
        edge_action=np.zeros(edges, np.int16),
        edge_prior=np.zeros(edges, np.float32),
        edge_visits=np.zeros(edges, np.int32),
        edge_value_sum=np.zeros(edges, np.float32),
        edge_child=np.zeros(edges, np.int32),
        edge_proven=np.zeros(edges, np.int8),
        node_count=np.zeros(games, np.int32),
        edge_count=np.zeros(games, np.int32),
        leaf=np.zeros(games, np.int32),
    )


@jit
def _add_node(tree: Tree, g: int, position: int, parent: int, parent_edge: int) -> int:
    node = tree.node_count[g]
    tree.node_count[g] = node + 1
    tree.position[g, node] = position
    tree.parent[g, node] = parent
    tree.parent_edge[g, node] = parent_edge
    tree.num_edges[g, node] = 0
    tree.visits[g, node] = 0
    tree.value_sum[g, node] = 0.0
    tree.proven[g, node] = UNPROVEN
    return node


@jit
def plant(tree: Tree, roots: np.ndarray, code: int, positions: np.ndarray) -> int:
    """Starts new trees at ``roots`` [n <= G], which become leaves unless they are the end of a game.

    Writes the positions of the leaves to ``positions``, without gaps, and returns their number.
    """
    leaves = 0
    for g in range(roots.shape[0]):
        tree.node_count[g] = 0
        tree.edge_count[g] = 0
        _add_node(tree, g, roots[g], NO_NODE, NO_NODE)
        if is_over(roots[g], code):
            tree.proven[g, ROOT] = PROVEN_LOSS
            tree.leaf[g] = NO_NODE
        else:
            tree.leaf[g] = ROOT
            positions[leaves] = roots[g]
            leaves += 1
    return leaves


@jit
def _best_edge(tree: Tree, g: int, node: int, c_puct: float, fpu_reduction: float) -> int:
    """PUCT (Rosin, 2011; Silver et al., 2018) over the edges that are not proven losses.

    An edge without visits is given the node's mean value, less a reduction that grows with the prior mass
    already visited (first-play urgency: Gelly and Wang, 2006; in this form by Leela Zero).
    """
    first = tree.first_edge[g, node]
    last = first + tree.num_edges[g, node]
    visited_mass = np.float32(0.0)
    for edge in range(first, last):
        if tree.edge_visits[g, edge]:
            visited_mass += tree.edge_prior[g, edge]
    urgency = tree.value_sum[g, node] / tree.visits[g, node] - fpu_reduction * np.sqrt(visited_mass)
    scale = c_puct * np.sqrt(np.float32(tree.visits[g, node]))
    best, best_score = NO_EDGE, -np.inf
    for edge in range(first, last):
        if tree.edge_proven[g, edge] == PROVEN_LOSS:
            continue
        n = tree.edge_visits[g, edge]
        q = tree.edge_value_sum[g, edge] / n if n else urgency
        score = q + scale * tree.edge_prior[g, edge] / (1 + n)
        # Where a broken network makes every score NaN, some edge is better than a descent without end.
        if score > best_score or best == NO_EDGE:
            best, best_score = edge, score
    return best


@jit
def _back_up(tree: Tree, g: int, node: int, value: float) -> None:
    """Adds a value, seen by the mover of ``node``, to the node and everything above it."""
    turn = mover(tree.position[g, node])
    while True:
        seen = value if mover(tree.position[g, node]) == turn else -value
        tree.visits[g, node] += 1
        tree.value_sum[g, node] += seen
        parent = tree.parent[g, node]
        if parent == NO_NODE:
            return
        edge = tree.parent_edge[g, node]
        tree.edge_visits[g, edge] += 1
        tree.edge_value_sum[g, edge] += value if mover(tree.position[g, parent]) == turn else -value
        node = parent


@jit
def _prove(tree: Tree, g: int, node: int, proof: int) -> None:
    """Records that a node is won or lost, and what follows for the nodes above it.

    Winands, Björnsson and Saito (2008), "Monte-Carlo Tree Search Solver", section 3.
    """
    tree.proven[g, node] = proof
    while tree.parent[g, node] != NO_NODE:
        parent, edge = tree.parent[g, node], tree.parent_edge[g, node]
        if mover(tree.position[g, parent]) != mover(tree.position[g, node]):
            proof = -proof
        tree.edge_proven[g, edge] = proof
        if proof == PROVEN_LOSS:
            first = tree.first_edge[g, parent]
            for other in range(first, first + tree.num_edges[g, parent]):
                if tree.edge_proven[g, other] != PROVEN_LOSS:
                    return
        tree.proven[g, parent] = proof
        node = parent


@jit
def select(
    tree: Tree,
    n: int,
    code: int,
    c_puct: float,
    fpu_reduction: float,
    root_edges: np.ndarray,
    positions: np.ndarray,
) -> int:
    """Descends every tree to a new node, one simulation each.

    The end of a game is never a leaf: ``expand`` proves the node before it. Trees with a proven root are left alone.

    Args:
        tree: the trees, their roots expanded.
        n: trees in use, the first ``n`` rows.
        code: the rule set's number.
        c_puct: weight of the prior against the value.
        fpu_reduction: how much less than its parent an unvisited edge is thought to be worth.
        root_edges: int32 [>= n] the edges to take at the roots; NO_EDGE where PUCT chooses there, too.
        positions: int64 [G], receives the positions of the new leaves, without gaps.

    Returns:
        The number of leaves.
    """
    leaves = 0
    for g in range(n):
        tree.leaf[g] = NO_NODE
        if tree.proven[g, ROOT] != UNPROVEN:
            continue
        node = ROOT
        while True:
            edge = np.int64(root_edges[g]) if node == ROOT else NO_EDGE
            if edge == NO_EDGE:
                edge = _best_edge(tree, g, node, c_puct, fpu_reduction)
            child = tree.edge_child[g, edge]
            if child != NO_NODE:
                node = child
                continue
            position = step(tree.position[g, node], np.int64(tree.edge_action[g, edge]), code)
            child = _add_node(tree, g, position, node, edge)
            tree.edge_child[g, edge] = child
            tree.leaf[g] = child
            positions[leaves] = position
            leaves += 1
            break
    return leaves


@jit
def _add_edges(tree: Tree, g: int, node: int, log_policy: np.ndarray, code: int, actions: np.ndarray) -> bool:
    """Gives a node its edges with priors normalised over the legal actions; true if one of them wins at once."""
    position = tree.position[g, node]
    n = legal_actions(position, code, actions)
    first = tree.edge_count[g]
    tree.edge_count[g] = first + n
    tree.first_edge[g, node] = first
    tree.num_edges[g, node] = n
    highest = -np.inf
    for i in range(n):
        highest = max(highest, log_policy[actions[i]])
    total = 0.0
    # Only an opponent without reserve can be left without a move, which spares nearly all of the look-ahead.
    opponent_spent = popcount(opponent_cells(position)) == balls_per_player(code)
    wins = False
    for i in range(n):
        edge = first + i
        prior = np.exp(log_policy[actions[i]] - highest)
        total += prior
        tree.edge_action[g, edge] = actions[i]
        tree.edge_prior[g, edge] = prior
        tree.edge_visits[g, edge] = 0
        tree.edge_value_sum[g, edge] = 0.0
        tree.edge_child[g, edge] = NO_NODE
        tree.edge_proven[g, edge] = UNPROVEN
        if opponent_spent:
            after = step(position, actions[i], code)
            if mover(after) != mover(position) and is_over(after, code):
                tree.edge_proven[g, edge] = PROVEN_WIN
                wins = True
    for edge in range(first, first + n):
        tree.edge_prior[g, edge] /= total
    return wins


@jit
def expand(tree: Tree, n: int, code: int, values: np.ndarray, log_policy: np.ndarray) -> None:
    """Gives the leaves their edges and backs up their values.

    Args:
        tree: the trees.
        n: trees in use, the first ``n`` rows.
        code: the rule set's number.
        values: float32 [>= leaves], the network's values for the movers of the leaves, in the trees' order.
        log_policy: float32 [>= leaves, 303].
    """
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    i = -1
    for g in range(n):
        leaf = tree.leaf[g]
        if leaf == NO_NODE:
            continue
        i += 1
        if _add_edges(tree, g, leaf, log_policy[i], code, actions):
            _back_up(tree, g, leaf, 1.0)
            _prove(tree, g, leaf, PROVEN_WIN)
        else:
            _back_up(tree, g, leaf, values[i])
