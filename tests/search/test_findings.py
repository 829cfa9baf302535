"""Findings: the best action comes first, and searches that are read together do not mix."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.options import SearchOptions
from pylos.search.pool import SearchPool
from pylos.search.search import Search
from tests.search.test_pool import run_out
from tests.support.boards import random_game
from tests.support.evaluators import hashed, single
from tests.support.searches import begin, late_boards, running_boards
from tests.twins import search as twin_search


@pytest.mark.parametrize("root", ["gumbel", "puct"])
def test_the_best_action_comes_first(root):
    boards = running_boards("standard", 10) + late_boards("standard", 10)
    pool = SearchPool(RULES["standard"], 20, 90)
    rows = begin(pool, boards, 90, root)
    run_out(pool)
    found = pool.findings(rows, 1)
    for index, board in enumerate(boards):
        part = found.part(index)
        columns = (-found.weights[part], -found.visits[part], -found.priors[part], found.actions[part])
        merits = list(zip(*(column.tolist() for column in columns), strict=True))
        assert merits == sorted(merits)
        assert len(merits) == len(board.legal_actions)


def test_searches_are_read_together_as_alone_and_in_any_order():
    boards = [
        *running_boards("mature", 5),
        random_game("mature", 500, 1),
        *running_boards("mature", 2, seed=9),
    ]
    pool = SearchPool(RULES["mature"], 8, 40)
    rows = begin(pool, boards, 40)
    run_out(pool)
    chosen = [rows[6], rows[5], rows[0], rows[3]]
    together = pool.findings(chosen, 24)
    assert len(together.values) == 4
    assert together.first[-1] == len(together.actions)
    for index, row in enumerate(chosen):
        alone, part = pool.findings([row], 24), together.part(index)
        n = part.stop - part.start
        again = together.one(index, np.arange(n))
        turned = together.one(index, np.arange(n)[::-1])
        assert alone.values == together.values[index] == again.values
        for name in ("actions", "weights", "visits", "means", "priors", "lengths"):
            mine = getattr(alone, name)
            assert np.array_equal(mine, getattr(together, name)[part], equal_nan=True)
            assert np.array_equal(mine, getattr(again, name), equal_nan=True)
            assert np.array_equal(mine[::-1], getattr(turned, name), equal_nan=True)
        for k, length in enumerate(alone.lengths):
            assert np.array_equal(alone.lines[k, :length], together.lines[part][k, :length])
            assert np.array_equal(alone.pending[k, : length + 1], together.pending[part][k, : length + 1])


def test_they_hold_what_the_search_knows_about_each_action():
    room = Search(16, RULES["standard"], SearchOptions(simulations=20), threads=2)
    twin = twin_search.Search(functools.partial(single, hashed), 20, 1.5, 0.25)
    kinds = set()
    last_plies = [random_game("standard", 200, seed) for seed in range(10)]
    for board in last_plies:
        board.pop()
    for board in [*late_boards("standard", 30), *last_plies]:
        room.run(np.array([board.position, Board().position]), hashed, np.zeros(2, np.int64))
        whole, expected = room.first_findings(), twin.run(board).edges
        found = whole.one(0, whole.actions.argsort())
        assert found.actions.tolist() == [edge.action for edge in expected]
        assert found.visits.tolist() == [edge.visits for edge in expected]
        for value, edge in zip(found.means.tolist(), expected, strict=True):
            known = edge.total / edge.visits if edge.visits else np.nan
            assert value == pytest.approx(edge.proof or known, abs=1e-5, nan_ok=True)
            kinds.add((edge.proof, edge.visits > 0))
    assert kinds == {(1, False), (1, True), (-1, True), (0, True), (0, False)}
