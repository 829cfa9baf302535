"""The line that a search expects: it is legal, follows the visits, and ends in the win that was found."""

from __future__ import annotations

import numpy as np

from pylos.game.rules import RULES
from pylos.search.findings import Findings
from pylos.search.pool import SearchPool
from pylos.search.tree import PROVEN_WIN
from tests.search.test_pool import run_out
from tests.support.searches import begin, late_boards, running_boards


def lines(found: Findings) -> list[tuple[list[int], list[int]]]:
    """The actions of each line, and the balls that may be taken back before them and after the last."""
    rows = zip(found.lines.tolist(), found.pending.tolist(), found.lengths.tolist(), strict=True)
    return [(actions[:n], pending[: n + 1]) for actions, pending, n in rows]


def test_a_line_is_legal_and_follows_the_most_visited_actions():
    boards = running_boards("standard-optional", 8)
    pool = SearchPool(RULES["standard-optional"], 8, 300)
    rows = begin(pool, boards, 300, "puct")
    run_out(pool)
    longest = 0
    for row, board in zip(rows, boards, strict=True):
        found = pool.findings([row], 12)
        assert sorted(found.actions.tolist()) == board.legal_actions.tolist()
        for index, (actions, pending) in enumerate(lines(found)):
            assert actions[0] == found.actions[index]
            assert (len(actions) == 1) or found.visits[index] > 1
            played = board.copy()
            for action, before in zip(actions, pending, strict=False):
                assert played.pending == before
                played.push(action)
            assert played.pending == pending[-1]
            longest = max(longest, len(actions))
        node, tree = 0, pool._tree
        for action in lines(found)[int(np.argmax(found.visits))][0]:
            first = tree.first_edge[row, node]
            own = slice(first, first + tree.num_edges[row, node])
            edge = first + tree.edge_action[row, own].tolist().index(action)
            if not (tree.edge_proven[row, own] != 0).any():
                assert tree.edge_visits[row, edge] == tree.edge_visits[row, own].max()
            node = tree.edge_child[row, edge]
    assert longest >= 4


def test_a_proven_win_is_played_to_its_end():
    pool, boards = SearchPool(RULES["standard"], 12, 400), late_boards("standard", 12)
    rows = begin(pool, boards, 400)
    run_out(pool)
    won = 0
    for row, board in zip(rows, boards, strict=True):
        tree = pool._tree
        if tree.proven[row, 0] != PROVEN_WIN:
            continue
        played = board.copy()
        for action in lines(pool.findings([row], 40))[0][0]:  # only actions that win have a weight
            played.push(action)
        assert played.is_over
        assert played.winner == board.turn
        won += 1
    assert won >= 3
