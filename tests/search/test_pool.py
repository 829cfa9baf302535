"""A row of a pool finds what `Search` finds, whatever other rows do meanwhile."""

from __future__ import annotations

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.game.rules import RULES, rules_code
from pylos.search.evaluator import Evaluator, padded_size
from pylos.search.history import History
from pylos.search.options import SearchOptions
from pylos.search.pool import SearchPool
from pylos.search.search import Search
from tests.support.boards import moved, random_game
from tests.support.evaluators import hashed
from tests.support.searches import begin, late_boards, row_weights, running_boards, soon_again


def step(pool: SearchPool, evaluate: Evaluator = hashed) -> int:
    """A step of all rows; the number of leaves."""
    leaves = np.zeros(padded_size(pool.rows), np.int64)
    if count := pool.select(leaves):
        pool.expand(*evaluate(leaves[: padded_size(count)]))
    return count


def run_out(pool: SearchPool, evaluate: Evaluator = hashed) -> None:
    """Steps until all searches are finished. A step may have no leaves before: draws need none."""
    while len(pool.finished()) < pool.rows - pool.free_rows:
        step(pool, evaluate)


def assert_as_search(
    pool: SearchPool,
    row: int,
    board: Board,
    simulations: int,
    root: str = "gumbel",
    history: History | None = None,
) -> None:
    """The row has the bits of a `Search` for this position alone."""
    search = Search(1, rules_code(board.rules), SearchOptions(simulations=simulations, root=root))
    expected = search.run(np.array([board.position]), hashed, np.zeros(1, np.int64), history)
    assert row in pool.finished()
    found, other = pool.findings([row], 1), search.first_findings()
    assert found.values[0] == expected.values[0]
    weighted = found.weights > 0
    weights = dict(zip(found.actions[weighted].tolist(), found.weights[weighted].tolist(), strict=True))
    assert weights == row_weights(expected, 0)
    for mine, others in zip(found, other, strict=True):
        assert np.array_equal(mine, others, equal_nan=True)


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "mini-standard"])
def test_rows_at_different_stages_find_what_a_search_finds(rules):
    boards, pool = running_boards(rules, 6), SearchPool(RULES[rules], 8, 200)
    budgets = [1, 16, 200, 37, 2, 100]
    rows = {}
    for board, budget in zip(boards[:3], budgets, strict=False):
        rows[begin(pool, [board], budget)[0]] = board, budget, "gumbel"
    for _ in range(20):
        step(pool)
    for board, budget in zip(boards[3:], budgets[3:], strict=True):
        rows[begin(pool, [board], budget)[0]] = board, budget, "gumbel"
        step(pool)
    rows[begin(pool, [boards[0]], 150, "puct")[0]] = boards[0], 150, "puct"
    run_out(pool)
    for row, (board, budget, root) in rows.items():
        assert_as_search(pool, row, board, budget, root)


def test_a_row_that_is_used_again_has_nothing_of_the_search_before():
    first, second, other = running_boards("mature", 3, seed=5)
    pool = SearchPool(RULES["mature"], 2, 64)
    row, kept = begin(pool, [first], 64, "puct")[0], begin(pool, [other], 64)[0]
    for _ in range(30):
        step(pool)
    pool.remove([row])
    assert begin(pool, [second], 50)[0] == row
    run_out(pool)
    assert_as_search(pool, row, second, 50)
    assert_as_search(pool, kept, other, 64)


def test_a_search_ends_early_where_its_root_is_proven():
    pool, boards = SearchPool(RULES["standard"], 12, 400), late_boards("standard", 12)
    rows = begin(pool, boards, 400)
    run_out(pool)
    made = pool.simulations(rows).tolist()
    assert min(made) < 400
    values = pool.findings(rows, 1).values
    for row, board, simulations, value in zip(rows, boards, made, values, strict=True):
        assert_as_search(pool, row, board, 400)
        assert (simulations < 400) <= (abs(value) == 1)


def test_only_rows_that_search_have_leaves():
    boards, pool = running_boards("standard", 3), SearchPool(RULES["standard"], 3, 8)
    assert step(pool) == 0
    short, long = pool.add([b.position for b in boards[:2]], [2, 8], [True, True])
    assert pool.finished() == []
    assert [step(pool) for _ in range(4)] == [2, 2, 2, 1]
    assert pool.finished() == [short]
    assert pool.simulations([short, long]).tolist() == [2, 3]
    pool.remove([long])
    late = begin(pool, [boards[2]], 8, "puct")[0]
    pool.remove([late])  # before its root was evaluated
    assert step(pool) == 0
    assert pool.free_rows == 2
    pool.remove([short])
    assert pool.finished() == []
    late, kept = begin(pool, boards[1:], 8, "puct")
    pool.remove([late])
    assert step(pool) == 1  # that of `kept`, whose row is behind
    assert pool.finished() == []
    run_out(pool)
    assert pool.finished() == [kept]


def test_no_simulations_give_the_prior():
    board, pool = running_boards("standard", 1)[0], SearchPool(RULES["standard"], 1, 8)
    row = begin(pool, [board], 0)[0]
    assert pool.finished() == []
    run_out(pool)
    assert pool.finished() == [row]
    found = pool.findings([row], 8)
    assert found.values[0] == pytest.approx(hashed(np.array([board.position]))[0][0])
    assert sorted(found.actions.tolist()) == board.legal_actions.tolist()
    expected = np.rint(10_000 * found.priors.astype(np.float64))  # a weight may round to 0
    assert found.weights.tolist() == pytest.approx(expected.tolist(), abs=1)
    assert found.lines[:, 0].tolist() == found.actions.tolist()
    assert set(found.lengths.tolist()) == {1}


def test_a_game_that_is_over_is_lost_at_once():
    over, pool = random_game("standard", 500, 1), SearchPool(RULES["standard"], 1, 8)
    row = begin(pool, [over], 8)[0]
    assert step(pool) == 0
    assert pool.finished() == [row]
    found = pool.findings([row], 8)
    assert found.values.tolist() == [-1]
    assert len(found.actions) == 0


def test_no_more_rows_than_there_are():
    pool, board = SearchPool(RULES["standard"], 2, 8), Board()
    begin(pool, [board] * 2, 8)
    with pytest.raises(IndexError):
        begin(pool, [board], 8)


def test_no_more_simulations_than_there_is_room_for():
    pool, board = SearchPool(RULES["standard"], 1, 8), Board()
    with pytest.raises(ValueError, match="room for 8 simulations, not for 9"):
        begin(pool, [board], 9)
    assert pool.free_rows == 1


def test_a_pool_may_only_evaluate_positions():
    board, pool = Board(), SearchPool(RULES["standard"], 2, 0)
    row = begin(pool, [board], 0)[0]
    run_out(pool)
    assert pool.finished() == [row]
    assert sorted(pool.findings([row], 1).actions.tolist()) == board.legal_actions.tolist()


@pytest.mark.parametrize("root", ["gumbel", "puct"])
def test_rows_know_what_has_occurred_before_and_forget_it_with_the_search(root):
    """The second search in a row has no history, and the third a longer one than there was room for."""
    boards, pool = running_boards("mature", 40)[3::8], SearchPool(RULES["mature"], 2, 60)
    history = soon_again(boards)
    pool.remove(pool.add([boards[0].position], [1], [True], [[7]]))
    earlier = [row[:count].tolist() for row, count in zip(*history, strict=True)]
    for i in range(len(boards)):
        asked = [boards[i].position] * 2, [60, 30], [root == "gumbel"] * 2
        rows = pool.add(*asked, [earlier[i], ()])
        run_out(pool)
        assert_as_search(pool, rows[0], boards[i], 60, root, history.rows(slice(i, i + 1)))
        assert_as_search(pool, rows[1], boards[i], 30, root)
        pool.remove(rows)
        (row,) = pool.add(*(one[:1] for one in asked))
        run_out(pool)
        assert_as_search(pool, row, boards[i], 60, root)
        pool.remove([row])


def test_a_search_whose_every_action_repeats_needs_no_evaluation_after_the_first():
    board, pool = Board(), SearchPool(RULES["standard"], 1, 20)
    pool.add([board.position], [20], [True], [[moved(board, a).position for a in board.legal_actions]])
    assert [step(pool) for _ in range(21)] == [1] + [0] * 20
    assert pool.finished() == [0]
    assert pool.simulations([0]).tolist() == [20]
