"""The root of a search: its noise, its result, and the choice of an action."""

import numpy as np
import pytest
from scipy import stats

from pylos.game.board import Board
from pylos.game.rules import FULL_RULES
from pylos.search.options import SearchOptions
from pylos.search.root import measure_surprises, pick_actions
from pylos.search.tree import ROOT, new_tree
from tests.support.endgames import LOSS, LOSS_IN_ONE, WIN, Endgame, endgames, losing_at_once, solve
from tests.support.evaluators import Evaluation, uninformed
from tests.support.searches import row_weights, search, visits_and_values
from tests.twins import search as twin_search


def test_noise_depends_on_the_key_and_reaches_a_row_only():
    board = Board()
    options = SearchOptions(simulations=50, dirichlet_fraction=0.5)
    result = search([board] * 4, options, keys=np.array([1, 2, 1, 3]))
    rows = [row_weights(result, row) for row in range(4)]
    assert rows[0] == rows[2]
    assert rows[0] != rows[1] != rows[3] != rows[0]
    silent = search([board] * 2, SearchOptions(simulations=50), keys=np.array([1, 2]))
    assert row_weights(silent, 0) == row_weights(silent, 1)


def _decisive(rules: str, games: int, most: int) -> list[Endgame]:
    """Endgames in which some actions win and others lose."""
    found = endgames(rules, games, most)
    return [e for e in found if e.actions_worth(WIN) and e.actions_worth(LOSS)]


@pytest.mark.parametrize("rules", FULL_RULES)
def test_where_everything_is_lost_the_visits_stay_as_they_are(rules):
    found = [e for e in endgames(rules, 40, 500) if e.value == LOSS]
    for endgame, visits, value in zip(found, *visits_and_values([e.board for e in found], 2000), strict=True):
        assert value == -1
        assert visits.keys() == endgame.action_values.keys()
    assert len(found) > 10
    assert any(
        sum(visits.values()) > len(visits) for visits in visits_and_values([e.board for e in found], 2000)[0]
    )


@pytest.mark.parametrize(("rules", "text"), [row[:2] for row in LOSS_IN_ONE])
def test_where_every_visited_action_is_lost_the_likeliest_other_one_is_played(rules, text):
    endgame = solve(Board.from_text(text, rules), 3000)
    lost, likeliest = min(losing_at_once(endgame)), max(endgame.actions_worth(WIN))

    def evaluate(positions: np.ndarray) -> Evaluation:
        values, log_policy = uninformed(positions)
        log_policy[:, lost], log_policy[:, likeliest] = 9, 6
        return values, log_policy

    [visits], [value] = visits_and_values([endgame.board], 1, evaluate)
    assert visits == {likeliest: 1}
    assert abs(value) < 1


def test_a_proven_loss_takes_its_visits_along():
    """The policy prefers a lost action, which gets visits before it is proven lost; only the others keep theirs."""
    for endgame in [e for e in _decisive("standard", 60, 3000) if e.distance >= 5]:
        lost = min(endgame.actions_worth(LOSS))

        def evaluate(positions: np.ndarray, lost=lost, root=endgame.board.position) -> Evaluation:
            values, log_policy = uninformed(positions)
            log_policy[positions == root, lost] = 4
            return values, log_policy

        for simulations in (60, 120):
            [visits], [value] = visits_and_values([endgame.board], simulations, evaluate)
            if abs(value) < 1 and lost not in visits:
                assert 0 < sum(visits.values()) < simulations
                return
    pytest.fail("no position showed it")


def _pick(actions, visits, keys, greedy) -> np.ndarray:
    n = len(keys)
    rows = [np.tile(np.array(row, np.int16), (n, 1)) for row in (actions, visits)]
    return pick_actions(*rows, np.asarray(keys), np.full(n, greedy))


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("visits", [[3, 9, 1, 9, 0], [1, 0, 0, 0, 0], [300, 20_000, 9_000, 30, 1]])
def test_picked_actions_equal_their_twin(visits, greedy):
    actions = [4, 29, 77, 140, 302]
    counts = {a: n for a, n in zip(actions, visits, strict=True) if n}
    expected = [twin_search.pick_action(counts, key, greedy) for key in range(200)]
    assert _pick(actions, visits, range(200), greedy).tolist() == expected


def test_with_temperature_actions_are_drawn_in_proportion_to_their_visits():
    picked = _pick([3, 5, 8, 0], [10, 30, 60, 0], np.arange(5000), greedy=False)
    counts = [np.count_nonzero(picked == action) for action in (3, 5, 8)]
    assert sum(counts) == 5000
    assert stats.chisquare(counts, [500, 1500, 3000]).pvalue > 0.001


def test_without_temperature_chance_decides_between_the_most_visited_only():
    picked = _pick([3, 5, 8], [40, 20, 40], np.arange(2000), greedy=True)
    counts = [np.count_nonzero(picked == action) for action in (3, 8)]
    assert sum(counts) == 2000
    assert stats.chisquare(counts).pvalue > 0.001


def test_each_row_is_picked_by_its_own_rule():
    actions, visits = np.array([[1, 2]] * 300, np.int16), np.array([[1, 2]] * 300, np.int16)
    greedy = np.arange(300) % 2 == 0
    out = pick_actions(actions, visits, np.arange(300), greedy)
    assert (out[greedy] == 2).all()
    assert set(out[~greedy]) == {1, 2}


@pytest.mark.parametrize(
    ("priors", "weights", "expected"),
    [
        ([0.5, 0.25, 0.25], [1, 0, 3], 0.25 * np.log(0.25 / 0.5) + 0.75 * np.log(0.75 / 0.25)),
        ([1 / 3, 1 / 3, 1 / 3], [5, 5, 5], 0.0),  # rounded to 32 bits, these priors add up to more than 1
    ],
)
def test_surprise_is_the_divergence_of_the_result_from_the_prior_and_never_negative(
    priors, weights, expected
):
    tree, out = new_tree(1, 1), np.empty(1, np.float32)
    tree.num_edges[0, ROOT] = 3
    tree.edge_action[0, :3] = [4, 7, 9]
    tree.edge_prior[0, :3] = priors
    found = np.zeros((2, 1, 5), np.int16)
    for k, (action, weight) in enumerate((a, w) for a, w in zip([4, 7, 9], weights, strict=True) if w):
        found[:, 0, k] = action, weight
    measure_surprises(tree, 1, found[0], found[1], out)
    assert out[0] == pytest.approx(expected, abs=1e-6)
    assert out[0] >= 0
