"""What has occurred before is a draw to a search: against the twins, and proofs that do not lean on it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.history import History, checked_history, history_of, no_history
from pylos.search.options import SearchOptions
from pylos.search.search import Search, SearchResult
from tests.support.boards import moved
from tests.support.endgames import LOSS, WIN, Endgame, endgames
from tests.support.evaluators import half_for_white, hashed, single, uninformed
from tests.support.searches import row_weights, running_boards, search, soon_again
from tests.twins import gumbel as twin_gumbel
from tests.twins import search as twin_search


def test_histories_are_rows_of_earlier_positions():
    history = history_of([[5, 6], [], (7,)])
    assert history.positions.tolist() == [[5, 6], [0, 0], [7, 0]]
    assert history.counts.tolist() == [2, 0, 1]
    assert [part.tolist() for part in history.rows(slice(1, 3))] == [[[0, 0], [7, 0]], [0, 1]]
    assert [part.tolist() for part in history.rows(np.array([2, 0]))] == [[[7, 0], [5, 6]], [1, 2]]
    assert history_of([]).positions.shape == (0, 0)
    assert (no_history(3).positions.shape, no_history(3).counts.tolist()) == ((3, 0), [0, 0, 0])


def test_a_history_of_other_games_is_refused():
    assert checked_history(None, 2).counts.tolist() == [0, 0]
    with pytest.raises(ValueError, match="the history is one of 3 games, not of 2"):
        checked_history(no_history(3), 2)
    with pytest.raises(ValueError, match="the history is one of 1 games, not of 2"):
        search([Board(), Board()], history=no_history(1))
    with pytest.raises(ValueError, match="the history is one of 1 games, not of 2"):
        checked_history(History(np.zeros((1, 3), np.int64), np.zeros(2, np.int64)), 2)


def test_a_history_has_the_positions_that_it_counts():
    history = History(np.zeros((2, 3), np.int64), np.array([3, 4]))
    with pytest.raises(ValueError, match="says that there are 4 earlier positions, and has 3"):
        search([Board(), Board()], history=history)


@pytest.mark.parametrize("rules", ["standard", "mature", "mini-mature-optional"])
@pytest.mark.parametrize("worth", [0.0, -0.75, 0.5])
def test_visits_equal_those_of_the_twin_where_positions_occur_again(rules, worth):
    boards = running_boards(rules, 10)
    history, options = soon_again(boards), SearchOptions(simulations=60, draw_value=worth)
    result = search(boards, options, history=history)
    twin = twin_search.Search(functools.partial(single, hashed), 60, draw_value=worth)
    for row, board in enumerate(boards):
        root = twin.run(board, earlier=_earlier(history, row))
        assert row_weights(result, row) == twin_search.root_visits(root)
        assert result.values[row] == pytest.approx(twin_search.root_value(root), abs=1e-5)
    _assert_differs(result, search(boards, options))


def test_weights_of_gumbel_equal_those_of_the_twin_where_positions_occur_again():
    boards = running_boards("mature", 10)
    options = SearchOptions(simulations=40, root="gumbel", gumbel_scale=1.0, draw_value=0.25)
    history = soon_again(boards)
    result = search(boards, options, history=history)
    twin = twin_gumbel.GumbelSearch(functools.partial(single, hashed), 40, draw_value=0.25, gumbel_scale=1.0)
    for row, board in enumerate(boards):
        root = twin.run(board, row, _earlier(history, row))
        assert result.values[row] == pytest.approx(twin_gumbel.value(root), abs=1e-4)
        ours, theirs = row_weights(result, row), twin_gumbel.weights(root)
        assert all(abs(ours.get(a, 0) - theirs.get(a, 0)) <= 1 for a in ours.keys() | theirs.keys())
    _assert_differs(result, search(boards, options))


def _earlier(history: History, row: int) -> list[int]:
    earlier: list[int] = history.positions[row, : history.counts[row]].tolist()
    return earlier


def _assert_differs(one: SearchResult, other: SearchResult) -> None:
    assert np.count_nonzero(one.values != other.values) > 3


def test_a_history_is_read_up_to_its_count_and_rows_may_be_divided_among_threads():
    boards = running_boards("standard", 19)
    history, options = soon_again(boards), SearchOptions(simulations=20)
    expected = search(boards, options, history=history)
    longer = np.hstack([history.positions, np.full((19, 3), boards[0].position)])
    shared = search(boards, options, history=History(longer, history.counts), threads=2)
    assert all((a == b).all() for a, b in zip(expected, shared, strict=True))


def test_a_draw_costs_no_evaluation_and_is_worth_the_same_to_both():
    """All that can be played has occurred. White thinks it is winning, black that it is losing; both get the draw."""
    for board in [board for board in running_boards("standard", 40) if min(board.reserves) > 3][:8]:
        asked = []

        def evaluate(positions, asked=asked):
            asked.append(positions)
            return half_for_white(positions)

        history = history_of([[moved(board, action).position for action in board.legal_actions]])
        result = search([board], SearchOptions(simulations=30, draw_value=0.25), evaluate, history=history)
        own = 0.5 if board.turn == "white" else -0.5
        assert len(asked) == 1
        assert result.values[0] == pytest.approx((own + 30 * 0.25) / 31, abs=1e-6)
        assert sum(row_weights(result, 0).values()) == 30


def _searched(endgame: Endgame, again: set[int], simulations: int = 2500) -> tuple[dict[int, int], float]:
    """The visits and the value of a search in an endgame in which some actions lead to what has occurred before."""
    history = history_of([[moved(endgame.board, action).position for action in again]])
    result = search([endgame.board], SearchOptions(simulations=simulations), uninformed, history=history)
    return row_weights(result, 0), float(result.values[0])


def _ongoing(endgame: Endgame, value: int) -> set[int]:
    """The actions worth a value that do not end the game."""
    return {a for a in endgame.actions_worth(value) if not moved(endgame.board, a).is_over}


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "children"])
def test_a_position_is_not_proven_lost_because_what_wins_has_occurred_before(rules):
    found = [e for e in endgames(rules, 40, 500) if e.actions_worth(LOSS)]
    alone = [e for e in found if len(_ongoing(e, WIN)) == len(e.actions_worth(WIN)) == 1]
    assert alone
    for endgame in alone[:12]:
        (only,) = endgame.actions_worth(WIN)
        visits, value = _searched(endgame, {only})
        assert abs(value) < 1
        assert max(visits, key=visits.__getitem__) == only


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "children"])
def test_a_lost_position_is_no_loss_where_a_repetition_is_left(rules):
    lost = [e for e in endgames(rules, 40, 500) if e.value == LOSS and len(_ongoing(e, LOSS)) > 1]
    assert lost
    for endgame in lost[:12]:
        again = min(_ongoing(endgame, LOSS))
        visits, value = _searched(endgame, {again})
        assert abs(value) < 1
        assert again in visits  # a proven loss would not be


@pytest.mark.parametrize("rules", ["standard", "mature-optional"])
def test_a_win_beside_a_repetition_is_found(rules):
    several = [e for e in endgames(rules, 60, 500) if len(_ongoing(e, WIN)) > 1]
    won = 0
    for endgame in several[:12]:
        again = min(_ongoing(endgame, WIN))
        visits, value = _searched(endgame, {again})
        if value == 1:  # else all wins lead through that position
            assert visits.keys() <= endgame.actions_worth(WIN) - {again}
            won += 1
    assert won > len(several[:12]) / 2


def test_a_proof_is_true_whatever_has_occurred_before():
    found = endgames("standard", 40, 500)
    boards = [endgame.board for endgame in found]
    result = Search(len(boards), RULES["standard"], SearchOptions(simulations=300)).run(
        np.array([board.position for board in boards]),
        uninformed,
        np.arange(len(boards)),
        soon_again(boards),
    )
    proven = np.abs(result.values) == 1
    assert (result.values[proven] == np.array([endgame.value for endgame in found])[proven]).all()
    assert proven.any()
    assert not proven.all()
