"""Search trees of many games at once: a struct of arrays, and the kernels that start new trees.

In the shape descriptions G is the number of games, N the number of nodes of a tree and E that of its edges. Every
game has a row of its own, which does not depend on other rows. The value and the proof of a node are those for the
player to move there; the value and the proof of an edge are those for the player who takes it. Signs flip only where
the mover changes, and a take-back does not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS, is_over
from pylos.kernels.jit import inlined, jit

ROOT = 0
NO_NODE = -1
NO_EDGE = -1
STAYS = -2
"""In the place of a root's edge: no simulation, the tree only keeps the leaf that it has, if any."""
PROVEN_WIN, UNPROVEN, PROVEN_LOSS = 1, 0, -1


class Tree(NamedTuple):
    """The arrays of all trees, made by `new_tree`."""

    position: np.ndarray
    """int64 [G, N] packed positions."""
    parent: np.ndarray
    """int32 [G, N] parent node, NO_NODE at the root."""
    parent_edge: np.ndarray
    """int32 [G, N] the edge by which the parent reaches the node."""
    first_edge: np.ndarray
    """int32 [G, N] where the node's edges begin; they are contiguous."""
    num_edges: np.ndarray
    """int32 [G, N] number of edges, which is the number of legal actions; 0 of a leaf, and of a drawn node for ever."""
    visits: np.ndarray
    """int32 [G, N] simulations that passed through or ended at the node."""
    value_sum: np.ndarray
    """float32 [G, N] sum of the values backed up to the node, seen by its mover."""
    proven: np.ndarray
    """int8 [G, N] PROVEN_WIN, PROVEN_LOSS or UNPROVEN, for the node's mover."""
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
    """int8 [G, E] PROVEN_WIN, PROVEN_LOSS or UNPROVEN, for the player who takes the edge."""
    node_count: np.ndarray
    """int32 [G] nodes in use."""
    edge_count: np.ndarray
    """int32 [G] edges in use."""
    leaf: np.ndarray
    """int32 [G] the node that waits for its evaluation, or NO_NODE."""


def most_edges(simulations: int) -> int:
    """The edges that a tree may need."""
    return (simulations + 1) * MAX_LEGAL_ACTIONS


def new_tree(
    games: int, simulations: int, zeros: Callable[..., np.ndarray] = np.zeros, room: int | None = None
) -> Tree:
    """Allocates trees. Untouched pages take no memory.

    Args:
        games: how many trees.
        simulations: for how many simulations each has room.
        zeros: makes an array of zeros from a shape and a type.
        room: the edges for which each has room; by default all that it may need.
    """
    nodes = (games, simulations + 1)
    edges = (games, most_edges(simulations) if room is None else room)
    return Tree(
        position=zeros(nodes, np.int64),
        parent=zeros(nodes, np.int32),
        parent_edge=zeros(nodes, np.int32),
        first_edge=zeros(nodes, np.int32),
        num_edges=zeros(nodes, np.int32),
        visits=zeros(nodes, np.int32),
        value_sum=zeros(nodes, np.float32),
        proven=zeros(nodes, np.int8),
        edge_action=zeros(edges, np.int16),
        edge_prior=zeros(edges, np.float32),
        edge_visits=zeros(edges, np.int32),
        edge_value_sum=zeros(edges, np.float32),
        edge_child=zeros(edges, np.int32),
        edge_proven=zeros(edges, np.int8),
        node_count=zeros(games, np.int32),
        edge_count=zeros(games, np.int32),
        leaf=zeros(games, np.int32),
    )


@inlined
def add_node(tree: Tree, g: int, position: int, parent: int, parent_edge: int) -> int:
    """Adds a node without edges to a tree and returns it."""
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


@inlined
def start_tree(tree: Tree, g: int, position: int, code: int) -> None:
    """Starts a new tree, whose root becomes a leaf unless it is the end of a game."""
    tree.node_count[g] = 0
    tree.edge_count[g] = 0
    add_node(tree, g, position, NO_NODE, NO_NODE)
    over = is_over(position, code)
    tree.leaf[g] = NO_NODE if over else ROOT
    if over:
        tree.proven[g, ROOT] = PROVEN_LOSS


@jit
def start_trees(tree: Tree, roots: np.ndarray, code: int, positions: np.ndarray) -> int:
    """Starts a new tree at each root; a root becomes a leaf unless it is the end of a game.

    Args:
        tree: the trees.
        roots: int64 [n <= G] packed positions.
        code: the rule set's number.
        positions: int64 [G] receives the positions of the leaves, without gaps.

    Returns:
        The number of leaves.
    """
    leaves = 0
    for g in range(roots.shape[0]):
        start_tree(tree, g, roots[g], code)
        if tree.leaf[g] == ROOT:
            positions[leaves] = roots[g]
            leaves += 1
    return leaves
