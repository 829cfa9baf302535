"""Search against positions with known best actions: made by hand, or late enough to be solved exactly."""

import numpy as np
import pytest

from pylos.game.actions import parse_action
from pylos.game.board import Board
from pylos.game.rules import FULL_RULES, RULES
from pylos.search.options import SearchOptions
from pylos.search.search import Search
from tests.support.boards import moved
from tests.support.endgames import LOSS, WIN, Endgame, endgames, solve
from tests.support.evaluators import Evaluation, hashed, uninformed

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

LOSS_IN_ONE = [
    ("standard", "wwwbbwwwwbbbbwwb/bwbbwbbww/..bb/. b 0", {"3A1", "3A2"}),
    ("standard", "wbwbbbwwbwbbbbbw/wwwbbwwwb/ww../. w 0", {"3B1", "3B2"}),
    ("mature", "bbbbbwbwwwwbwwbw/wbwwbbbwb/..ww/. w 0", {"3A1", "3A2"}),
    ("standard-optional", "wwbbbwbwwbwwbwwb/bbwbwbbbb/wwww/. w 2", {"="}),
    ("mature-optional", "bwbbwbwwwbwbwwbb/wwwwbbbww/bbbb/. b 2", {"="}),
]


def _search(boards: list[Board], simulations: int, evaluate=uninformed) -> tuple[list[dict[int, int]], list]:
    """The visits of the roots, and their values."""
    search = Search(len(boards), RULES[boards[0].rules], SearchOptions(simulations=simulations))
    positions = np.array([board.position for board in boards], np.int64)
    result = search.run(positions, evaluate, np.zeros(len(boards), np.int64))
    pairs = zip(result.actions.tolist(), result.weights.tolist(), strict=True)
    visits = [{a: n for a, n in zip(*pair, strict=True) if n} for pair in pairs]
    return visits, result.values.tolist()


def _most_visited(visits: dict[int, int]) -> set[int]:
    return {action for action, count in visits.items() if count == max(visits.values())}


def _decisive(rules: str, games: int, most: int) -> list[Endgame]:
    """Endgames in which some actions win and others lose."""
    found = endgames(rules, games, most)
    return [e for e in found if e.actions_worth(WIN) and e.actions_worth(LOSS)]


def _losing_at_once(endgame: Endgame) -> set[int]:
    """Actions after which the opponent wins with the next one."""
    return {
        action
        for action in endgame.actions_worth(LOSS)
        if (after := solve(moved(endgame.board, action), 3000)) and after.distance == 1
    }


@pytest.mark.parametrize(("rules", "text", "best"), SAME_PLAYER_ACTS_AGAIN)
def test_the_best_action_is_found_where_the_same_player_acts_twice(rules, text, best):
    board = Board.from_text(text, rules)
    endgame = solve(board, 20_000)
    assert endgame.actions_worth(WIN) == {parse_action(name) for name in best}
    assert endgame.actions_worth(LOSS)
    for evaluate in (uninformed, hashed):
        [visits], [value] = _search([board], 3000, evaluate)
        assert value == 1
        assert visits.keys() <= endgame.actions_worth(WIN)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_a_win_in_one_is_seen_without_any_simulation_below_it(rules):
    found = [e for e in endgames(rules, 60, 3000) if e.value == WIN and e.distance == 1]
    for endgame, visits, value in zip(found, *_search([e.board for e in found], 1), strict=True):
        [action] = visits  # with one simulation there is room for one
        assert moved(endgame.board, action).is_over
        assert value == 1
    assert len(found) > 40


@pytest.mark.parametrize(("rules", "text", "lost_at_once"), LOSS_IN_ONE)
@pytest.mark.parametrize("evaluate", [uninformed, hashed])
def test_a_loss_in_one_that_can_be_avoided_is_avoided(rules, text, lost_at_once, evaluate):
    endgame = solve(Board.from_text(text, rules), 3000)
    assert {parse_action(name) for name in lost_at_once} == _losing_at_once(endgame)
    assert endgame.actions_worth(WIN)
    for simulations in (10, 30, 100):
        [visits], _ = _search([endgame.board], simulations, evaluate)
        assert not visits.keys() & _losing_at_once(endgame)


@pytest.mark.parametrize(("rules", "games"), [(name, 200 if "mature" in name else 60) for name in FULL_RULES])
def test_an_uninformed_search_wins_what_can_be_won_and_proofs_are_exact(rules, games):
    found = endgames(rules, games, 3000 if games == 60 else 500)
    for endgame, visits, value in zip(found, *_search([e.board for e in found], 2500), strict=True):
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
            found, *_search([e.board for e in found], simulations), strict=True
        ):
            assert -1 <= value <= 1
            if abs(value) == 1:
                assert value == endgame.value
            if endgame.actions_worth(WIN) and value == 1:
                assert _most_visited(visits) <= endgame.actions_worth(WIN)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_where_everything_is_lost_the_visits_stay_as_they_are(rules):
    found = [e for e in endgames(rules, 40, 500) if e.value == LOSS]
    for endgame, visits, value in zip(found, *_search([e.board for e in found], 2000), strict=True):
        assert value == -1
        assert visits.keys() == endgame.action_values.keys()
    assert len(found) > 10
    assert any(sum(visits.values()) > len(visits) for visits in _search([e.board for e in found], 2000)[0])


@pytest.mark.parametrize(("rules", "text"), [row[:2] for row in LOSS_IN_ONE])
def test_where_every_visited_action_is_lost_the_likeliest_other_one_is_played(rules, text):
    endgame = solve(Board.from_text(text, rules), 3000)
    lost, likeliest = min(_losing_at_once(endgame)), max(endgame.actions_worth(WIN))

    def evaluate(positions: np.ndarray) -> Evaluation:
        values, log_policy = uninformed(positions)
        log_policy[:, lost], log_policy[:, likeliest] = 9, 6
        return values, log_policy

    [visits], [value] = _search([endgame.board], 1, evaluate)
    assert visits == {likeliest: 1}
    assert abs(value) < 1


def test_a_proven_loss_takes_its_visits_along():
    """The policy wants the loss, so it is visited before it is proven; what is left is spread over the others."""
    for endgame in [e for e in _decisive("standard", 60, 3000) if e.distance >= 5]:
        lost = min(endgame.actions_worth(LOSS))

        def evaluate(positions: np.ndarray, lost=lost, root=endgame.board.position) -> Evaluation:
            values, log_policy = uninformed(positions)
            log_policy[positions == root, lost] = 4
            return values, log_policy

        for simulations in (60, 120):
            [visits], [value] = _search([endgame.board], simulations, evaluate)
            if abs(value) < 1 and lost not in visits:
                assert 0 < sum(visits.values()) < simulations
                return
    pytest.fail("no position showed it")


@pytest.mark.parametrize("rules", ["children", "mature-optional"])
def test_a_network_that_is_not_finite_does_not_keep_a_search_from_its_end(rules):
    def evaluate(positions: np.ndarray) -> Evaluation:
        return tuple(array * np.nan for array in uninformed(positions))

    found = endgames(rules, 40, 500)
    for endgame, visits in zip(found, _search([e.board for e in found], 400, evaluate)[0], strict=True):
        assert visits
        assert visits.keys() <= endgame.action_values.keys()
