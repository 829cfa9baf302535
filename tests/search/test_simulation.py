"""Simulations against the twin, and against positions that are solved exactly."""

import functools

import numpy as np
import pytest

from pylos.game.actions import parse_action
from pylos.game.board import Board
from pylos.game.position import mover
from pylos.game.rules import FULL_RULES
from pylos.search.options import SearchOptions
from tests.support.boards import RULE_NAMES, moved
from tests.support.endgames import LOSS, LOSS_IN_ONE, WIN, endgames, losing_at_once, solve
from tests.support.evaluators import Evaluation, half_for_white, hashed, single, uninformed
from tests.support.searches import late_boards, row_weights, running_boards, search, visits_and_values
from tests.twins import search as twin_search

SAME_PLAYER_ACTS_AGAIN = [
    # Only one square wins, and only if the right ball goes back to the reserve after it.
    ("standard", "bwbbwbbwwbbwbwbw/.bwwwb.ww/.b.b/. w 0", {"2C1"}),
    ("standard", "bwbbwbwwwbwbwwbb/bw.wwwbwb/..bb/. w 0", {"2A3"}),
    ("standard", "wbb.bbbbwbbwwwbw/wb.wbwbwb/..ww/. b 0", {"1A4"}),
    ("mature-optional", "wbwbbwwwwbbwbwb./.wwwbwbw./.bb./. w 0", {"2A1"}),
    # The first ball to take back.
    ("standard", "wbwwbbbbwbwwwwww/bbwwbwbw./bwb./. w 2", {"-3A2"}),
    ("standard-optional", "wwbwbbwbwbwwwbwb/bbbwwwbww/bwb./. w 2", {"-2C3", "-3A2"}),
    ("mature-optional", "wbwwbwwbbwwbwwbb/bbbbwbwbb/w.bw/. b 2", {"-2A3", "-3B1"}),
    # One more, or stop.
    ("standard", "bbbwwwbwwbbbbwwb/.wbwwbwww/.bb./. w 1", {"-2C3"}),
    ("standard", "bbwbwwbwbbbwwwww/wwbwbbwbb/bw../. b 1", {"=", "-2C2", "-2C3"}),
    ("mature", "bbwwwbwbwbwwwbbw/ww.bbwwbw/b.bb/. w 1", {"-1A4"}),
]
"""Positions by rules and text, and the actions that win."""


def _early_boards(rules: str, count: int) -> list[Board]:
    """Positions of the full game from which no search gets to its end."""
    return [board for board in running_boards(rules, count) if min(board.reserves) >= 6]


def _assert_equals_twin(boards: list[Board], options: SearchOptions, evaluate=hashed) -> None:
    result = search(boards, options, evaluate)
    twin = twin_search.Search(
        functools.partial(single, evaluate),
        options.simulations,
        options.c_puct,
        options.fpu_reduction,
        options.dirichlet_alpha,
        options.dirichlet_fraction,
    )
    for row, board in enumerate(boards):
        root = twin.run(board, key=row)
        width = options.width
        assert row_weights(result, row) == dict(list(twin_search.root_visits(root).items())[:width])
        assert result.values[row] == pytest.approx(twin_search.root_value(root), abs=1e-5)


@pytest.mark.parametrize("rules", RULE_NAMES)
@pytest.mark.parametrize("evaluate", [hashed, uninformed])
def test_visits_equal_those_of_the_twin(rules, evaluate):
    _assert_equals_twin(running_boards(rules, 12), SearchOptions(simulations=80), evaluate)


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_visits_near_the_end_of_games_equal_those_of_the_twin(rules):
    _assert_equals_twin(late_boards(rules, 30), SearchOptions(simulations=60), hashed)
    _assert_equals_twin(late_boards(rules, 30), SearchOptions(simulations=3), uninformed)


@pytest.mark.parametrize(
    "options",
    [
        SearchOptions(simulations=300),
        SearchOptions(simulations=60, c_puct=0.4, fpu_reduction=0.0),
        SearchOptions(simulations=60, c_puct=4.0, fpu_reduction=1.5),
        SearchOptions(simulations=60, dirichlet_fraction=0.25),
        SearchOptions(simulations=60, dirichlet_fraction=1.0, dirichlet_alpha=2.0),
        SearchOptions(simulations=1),
    ],
)
def test_every_option_means_what_it_means_in_the_twin(options):
    _assert_equals_twin(running_boards("mature", 6, seed=3), options)


@pytest.mark.parametrize("rules", FULL_RULES)
@pytest.mark.parametrize(("turn", "worth"), [("white", 0.5), ("black", -0.5)])
def test_signs_flip_only_where_the_mover_changes(rules, turn, worth):
    """Every leaf is worth 0.5 to white, so every mean above is too, however often a player acts in a row.

    A draw is worth to both what leaves are worth to the root's mover: its sign never flips.
    """
    boards = [board for board in _early_boards(rules, 120) if board.turn == turn]
    result = search(boards, SearchOptions(simulations=100, draw_value=worth), half_for_white)
    assert (result.values == worth).all()
    assert rules == "children" or any(board.pending for board in boards)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_the_value_of_a_root_is_the_mean_of_its_leaves_and_draws_from_its_movers_view(rules):
    for board in _early_boards(rules, 60)[::5]:
        leaves = []

        def evaluate(positions, leaves=leaves):
            leaves.append(positions[0])
            return hashed(positions)

        result = search([board], SearchOptions(simulations=60, draw_value=0.25), evaluate)
        signs = [1 if mover(leaf) == mover(board.position) else -1 for leaf in leaves]
        values, draws = hashed(np.array(leaves))[0] * signs, 61 - len(leaves)
        assert draws < 30
        assert result.values[0] == pytest.approx((values.sum() + 0.25 * draws) / 61, abs=1e-5)
        assert sum(row_weights(result, 0).values()) == 60


def _most_visited(visits: dict[int, int]) -> set[int]:
    return {action for action, count in visits.items() if count == max(visits.values())}


@pytest.mark.parametrize(("rules", "text", "best"), SAME_PLAYER_ACTS_AGAIN)
def test_the_best_action_is_found_where_the_same_player_acts_twice(rules, text, best):
    board = Board.from_text(text, rules)
    endgame = solve(board, 20_000)
    assert endgame.actions_worth(WIN) == {parse_action(name) for name in best}
    assert endgame.actions_worth(LOSS)
    for evaluate in (uninformed, hashed):
        [visits], [value] = visits_and_values([board], 3000, evaluate)
        assert value == 1
        assert visits.keys() <= endgame.actions_worth(WIN)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_a_win_in_one_is_seen_without_any_simulation_below_it(rules):
    found = [e for e in endgames(rules, 60, 3000) if e.value == WIN and e.distance == 1]
    for endgame, visits, value in zip(found, *visits_and_values([e.board for e in found], 1), strict=True):
        [action] = visits  # with one simulation there is room for one
        assert moved(endgame.board, action).is_over
        assert value == 1
    assert len(found) > 40


@pytest.mark.parametrize(("rules", "text", "lost_at_once"), LOSS_IN_ONE)
@pytest.mark.parametrize("evaluate", [uninformed, hashed])
def test_a_loss_in_one_that_can_be_avoided_is_avoided(rules, text, lost_at_once, evaluate):
    endgame = solve(Board.from_text(text, rules), 3000)
    assert {parse_action(name) for name in lost_at_once} == losing_at_once(endgame)
    assert endgame.actions_worth(WIN)
    for simulations in (10, 30, 100):
        [visits], _ = visits_and_values([endgame.board], simulations, evaluate)
        assert not visits.keys() & losing_at_once(endgame)


@pytest.mark.parametrize(("rules", "games"), [(name, 200 if "mature" in name else 60) for name in FULL_RULES])
def test_an_uninformed_search_wins_what_can_be_won_and_proofs_are_exact(rules, games):
    found = endgames(rules, games, 3000 if games == 60 else 500)
    for endgame, visits, value in zip(found, *visits_and_values([e.board for e in found], 2500), strict=True):
        assert value == endgame.value
        if value == WIN:
            assert visits.keys() <= endgame.actions_worth(WIN)
            assert set(visits.values()) == {1}
    decisive = [e for e in found if e.actions_worth(WIN) and e.actions_worth(LOSS)]
    assert len(decisive) >= 10
    assert max(e.distance for e in decisive) >= 7  # forced wins of several turns are among them


@pytest.mark.parametrize("rules", FULL_RULES)
def test_after_any_number_of_simulations_a_proof_is_true_and_a_proven_loss_is_not_chosen(rules):
    found = endgames(rules, 40, 3000)
    for simulations in (5, 40, 200):
        for endgame, visits, value in zip(
            found, *visits_and_values([e.board for e in found], simulations), strict=True
        ):
            assert -1 <= value <= 1
            if abs(value) == 1:
                assert value == endgame.value
            if endgame.actions_worth(WIN) and value == 1:
                assert _most_visited(visits) <= endgame.actions_worth(WIN)


@pytest.mark.parametrize("rules", ["children", "mature-optional"])
def test_a_network_that_is_not_finite_does_not_keep_a_search_from_its_end(rules):
    def evaluate(positions: np.ndarray) -> Evaluation:
        return tuple(array * np.nan for array in uninformed(positions))

    found = endgames(rules, 40, 500)
    for endgame, visits in zip(
        found, visits_and_values([e.board for e in found], 400, evaluate)[0], strict=True
    ):
        assert visits
        assert visits.keys() <= endgame.action_values.keys()
