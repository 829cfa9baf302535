"""New trees: what becomes a leaf, and that nothing is left of the trees before."""

import numpy as np

from pylos.game.rules import RULES
from pylos.search.history import no_history
from pylos.search.simulation import expand, select
from pylos.search.tree import NO_EDGE, NO_NODE, PROVEN_LOSS, ROOT, UNPROVEN, new_tree, start_trees
from tests.support.boards import random_game
from tests.support.evaluators import hashed
from tests.support.searches import running_boards


def test_roots_are_leaves_without_gaps_unless_their_game_is_over():
    running, over = running_boards("standard", 3), random_game("standard", 500, 1)
    assert over.is_over
    roots = np.array([board.position for board in (running[0], over, *running[1:])])
    tree, positions = new_tree(5, 4), np.zeros(5, np.int64)
    assert start_trees(tree, roots, RULES["standard"], positions) == 3
    assert positions.tolist() == [*(board.position for board in running), 0, 0]
    assert tree.leaf[:4].tolist() == [ROOT, NO_NODE, ROOT, ROOT]
    assert tree.proven[:4, ROOT].tolist() == [UNPROVEN, PROVEN_LOSS, UNPROVEN, UNPROVEN]


def test_new_trees_hold_nothing_of_the_ones_before():
    first, second = (np.array([board.position]) for board in running_boards("standard", 2, seed=7))
    used, fresh, code = new_tree(1, 3), new_tree(1, 3), RULES["standard"]
    for tree, roots in (used, first), (used, second), (fresh, second):
        leaves = np.zeros(8, np.int64)
        start_trees(tree, roots, code, leaves)
        expand(tree, 1, code, *hashed(leaves))
        for _ in range(3):
            edges = np.full(1, NO_EDGE, np.int32)
            assert select(tree, 1, code, 1.5, 0.25, edges, no_history(1), 0.0, leaves) == 1
            expand(tree, 1, code, *hashed(leaves))
    nodes, edges = int(fresh.node_count[0]), int(fresh.edge_count[0])
    assert (nodes, edges) == (int(used.node_count[0]), int(used.edge_count[0]))
    for name, array in fresh._asdict().items():
        if array.ndim == 2:
            in_use = edges if name.startswith("edge_") else nodes
            assert np.array_equal(array[0, :in_use], getattr(used, name)[0, :in_use]), name
