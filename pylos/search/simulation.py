"""One simulation in every tree: down to a new leaf, and back up to the root with the evaluation of that leaf.

A new node whose position has occurred before, on the path to it or earlier in the game, is *drawn*: it is worth what a
draw is worth, at once and whenever a descent gets to it again. It is never evaluated and never has edges.

What a position is worth then depends on the path to it (the graph-history interaction problem: Campbell, 1985;
Kishimoto and Müller, 2004). Values have nothing to fear from that, because a node belongs to one path: trees share no
nodes. Proofs have nothing to fear either, because a drawn node is never proven, and so is neither a loss nor a win to
its parent. A node is proven only by proven nodes below it: all positions of a proof are new on their paths and in the
game, and all its paths end in real ends of games. Who plays by a proof gets there without any repetition, whatever the
opponent does, so that it is true under any rule about repetitions.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from pylos.game.position import mover, opponent_cells
from pylos.game.rules import MAX_LEGAL_ACTIONS, balls_per_player, is_over, legal_actions, step
from pylos.kernels.bits import popcount
from pylos.kernels.jit import inlined, jit
from pylos.search.history import History
from pylos.search.softmax import exponentials
from pylos.search.tree import NO_EDGE, NO_NODE, PROVEN_LOSS, PROVEN_WIN, ROOT, STAYS, UNPROVEN, Tree, add_node


@inlined
def _best_edge(tree: Tree, g: int, node: int, c_puct: float, fpu_reduction: float) -> int:
    """The edge that PUCT prefers (Rosin, 2011; Silver et al., 2018) among those that are not proven losses.

    An edge without visits gets the node's mean value minus a reduction, which grows with the prior mass that is
    visited already (first-play urgency: Gelly and Wang, 2006; in this form by Leela Zero).
    """
    first = tree.first_edge[g, node]
    last = first + tree.num_edges[g, node]
    visited_mass = np.float32(0.0)
    for edge in range(first, last):
        if tree.edge_visits[g, edge]:
            visited_mass += tree.edge_prior[g, edge]
    urgency = tree.value_sum[g, node] / tree.visits[g, node] - fpu_reduction * sqrt(visited_mass)
    scale = c_puct * sqrt(np.float32(tree.visits[g, node]))
    best, best_score = NO_EDGE, -np.inf
    for edge in range(first, last):
        if tree.edge_proven[g, edge] == PROVEN_LOSS:
            continue
        n = tree.edge_visits[g, edge]
        q = tree.edge_value_sum[g, edge] / n if n else urgency
        score = q + scale * tree.edge_prior[g, edge] / (1 + n)
        # A broken network can make every score NaN. Then the first edge is taken, or the descent would never end.
        if score > best_score or best == NO_EDGE:
            best, best_score = edge, score
    return best


@inlined
def _back_up(tree: Tree, g: int, node: int, value: float, opponents: float) -> None:
    """Adds a value to `node` and to everything above it: one for the mover of `node`, another for the opponent."""
    turn = mover(tree.position[g, node])
    while True:
        seen = value if mover(tree.position[g, node]) == turn else opponents
        tree.visits[g, node] += 1
        tree.value_sum[g, node] += seen
        parent = tree.parent[g, node]
        if parent == NO_NODE:
            return
        edge = tree.parent_edge[g, node]
        tree.edge_visits[g, edge] += 1
        tree.edge_value_sum[g, edge] += value if mover(tree.position[g, parent]) == turn else opponents
        node = parent


@inlined
def _prove(tree: Tree, g: int, node: int, proof: int) -> None:
    """Records that a node is won or lost for its mover, and what follows for the nodes above it.

    After Winands, Björnsson and Saito (2008), "Monte-Carlo Tree Search Solver", section 3.
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


@inlined
def _has_occurred(tree: Tree, g: int, node: int, history: History) -> bool:
    """Whether the position of `node` has occurred above it in the tree or earlier in the game."""
    position, found = tree.position[g, node], 0
    for i in range(history.counts[g]):  # without an early end, so that several are compared at once
        found += history.positions[g, i] == position
    above = tree.parent[g, node]
    while above != NO_NODE:
        found += tree.position[g, above] == position
        above = tree.parent[g, above]
    return found > 0


@inlined
def descend(
    tree: Tree,
    g: int,
    code: int,
    c_puct: float,
    fpu_reduction: float,
    root_edge: int,
    history: History,
    draw_value: float,
) -> int:
    """Descends one tree to a new node, see `select`.

    Args:
        tree: the trees, the root of this one expanded.
        g: which of them.
        code: the rule set's number.
        c_puct: weight of the prior against the value.
        fpu_reduction: see `SearchOptions`.
        root_edge: the edge to take at the root; NO_EDGE where PUCT chooses there, too.
        history: of the games.
        draw_value: see `SearchOptions`.

    Returns:
        The new leaf; NO_NODE where the root is proven, or where the simulation ended at a drawn node.
    """
    tree.leaf[g] = NO_NODE
    if tree.proven[g, ROOT] == UNPROVEN:
        node, edge = ROOT, np.int64(root_edge)
        while True:
            if edge == NO_EDGE:
                edge = _best_edge(tree, g, node, c_puct, fpu_reduction)
            child = tree.edge_child[g, edge]
            if child == NO_NODE or tree.num_edges[g, child] == 0:
                break
            node, edge = child, NO_EDGE
        if child == NO_NODE:
            position = step(tree.position[g, node], np.int64(tree.edge_action[g, edge]), code)
            child = add_node(tree, g, position, node, edge)
            tree.edge_child[g, edge] = child
            if not _has_occurred(tree, g, child, history):
                tree.leaf[g] = child
        if tree.leaf[g] == NO_NODE:
            _back_up(tree, g, child, draw_value, draw_value)
    return tree.leaf[g]


@jit
def select(
    tree: Tree,
    n: int,
    code: int,
    c_puct: float,
    fpu_reduction: float,
    root_edges: np.ndarray,
    history: History,
    draw_value: float,
    positions: np.ndarray,
) -> int:
    """Descends every tree to a new node: the first half of a simulation.

    The end of a game is never a leaf, because `expand` proves the node before it. A tree whose root is proven does
    not change. A simulation that gets to a drawn node is over: its value is backed up here, and there is no leaf.

    Args:
        tree: the trees, their roots expanded.
        n: trees in use, the first `n` rows.
        code: the rule set's number.
        c_puct: weight of the prior against the value.
        fpu_reduction: see `SearchOptions`.
        root_edges: int32 [>= n] the edges to take at the roots; NO_EDGE where PUCT chooses there, too; STAYS where a
            tree is to do nothing but wait for the evaluation of the leaf that it has.
        history: of the games, in the order of the trees.
        draw_value: see `SearchOptions`.
        positions: int64 [G] receives the positions of the new leaves, without gaps.

    Returns:
        The number of leaves.
    """
    leaves = 0
    for g in range(n):
        if root_edges[g] != STAYS:
            descend(tree, g, code, c_puct, fpu_reduction, root_edges[g], history, draw_value)
        leaf = tree.leaf[g]
        if leaf != NO_NODE:
            positions[leaves] = tree.position[g, leaf]
            leaves += 1
    return leaves


@inlined
def _add_edges(
    tree: Tree, g: int, node: int, log_policy: np.ndarray, code: int, actions: np.ndarray, scores: np.ndarray
) -> bool:
    """Gives a node its edges, with priors normalised over the legal actions; true if an action wins at once.

    `actions` and `scores` [MAX_LEGAL_ACTIONS] are scratch space.
    """
    position = tree.position[g, node]
    n = legal_actions(position, code, actions)
    first = tree.edge_count[g]
    tree.edge_count[g] = first + n
    tree.first_edge[g, node] = first
    tree.num_edges[g, node] = n
    for i in range(n):
        scores[i] = log_policy[actions[i]]
    total = exponentials(scores, n)
    # Only an opponent without reserve can be left without a move, so there is seldom anything to look ahead for.
    opponent_spent = popcount(opponent_cells(position)) == balls_per_player(code)
    wins = False
    for i in range(n):
        edge = first + i
        tree.edge_action[g, edge] = actions[i]
        # Rounded before the division, too, so that runs of earlier versions go on with the same bits.
        tree.edge_prior[g, edge] = np.float32(scores[i]) / total
        tree.edge_visits[g, edge] = 0
        tree.edge_value_sum[g, edge] = 0.0
        tree.edge_child[g, edge] = NO_NODE
        tree.edge_proven[g, edge] = UNPROVEN
        if opponent_spent and is_over(step(position, actions[i], code), code):
            tree.edge_proven[g, edge] = PROVEN_WIN
            wins = True
    return wins


@inlined
def expand_leaf(
    tree: Tree,
    g: int,
    code: int,
    value: float,
    log_policy: np.ndarray,
    actions: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Gives the leaf of one tree its edges and backs up its value, see `expand`.

    Args:
        tree: the trees.
        g: which of them; it has a leaf.
        code: the rule set's number.
        value: of the leaf for its mover.
        log_policy: float32 [303] of the leaf.
        actions: int64 [MAX_LEGAL_ACTIONS] scratch space.
        scores: float64 [MAX_LEGAL_ACTIONS] scratch space.
    """
    leaf = tree.leaf[g]
    if _add_edges(tree, g, leaf, log_policy, code, actions, scores):
        _prove(tree, g, leaf, PROVEN_WIN)
        value = 1.0
    _back_up(tree, g, leaf, value, -value)


@jit
def expand(tree: Tree, n: int, code: int, values: np.ndarray, log_policy: np.ndarray) -> None:
    """Gives the leaves their edges and backs up their values: the second half of a simulation.

    Args:
        tree: the trees.
        n: trees in use, the first `n` rows.
        code: the rule set's number.
        values: float32 [>= leaves] the values of the leaves for their movers, in the order of the trees.
        log_policy: float32 [>= leaves, 303] the log policies of the leaves.
    """
    actions, scores = np.empty(MAX_LEGAL_ACTIONS, np.int64), np.empty(MAX_LEGAL_ACTIONS)
    i = 0
    for g in range(n):
        if tree.leaf[g] != NO_NODE:
            expand_leaf(tree, g, code, values[i], log_policy[i], actions, scores)
            i += 1
