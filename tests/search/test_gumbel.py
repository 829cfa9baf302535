"""Gumbel root selection against its twin, and the laws that it has to keep."""

import dataclasses
import functools
import math

import numpy as np
import pytest
from scipy import stats

from pylos.game.actions import action_name
from pylos.game.position import opponent_cells, own_cells
from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.search.gumbel import CONSIDERED, WEIGHT, considered_visits, draw_gumbel
from pylos.search.options import SearchOptions
from tests.support.boards import RULE_NAMES, random_game
from tests.support.evaluators import hashed, single, uninformed
from tests.support.searches import row_weights, search
from tests.twins import gumbel as twin_gumbel


def running(rules, count, back=None):
    """Boards of all phases whose game is not over; with `back`, boards a few actions before the end."""
    boards = []
    for seed in range(count):
        board = random_game(rules, 200 if back else seed * 31 % 40, seed)
        for _ in range(back + seed % 5 if back else int(board.is_over)):
            board.pop()
        boards.append(board)
    return boards


def assert_equals_twin(boards, options, evaluate=hashed):
    result = search(boards, options, evaluate)
    twin = twin_gumbel.GumbelSearch(
        functools.partial(single, evaluate), options.simulations, gumbel_scale=options.gumbel_scale
    )
    for i, board in enumerate(boards):
        root = twin.run(board, key=i)
        assert result.values[i] == pytest.approx(twin_gumbel.value(root), abs=1e-4)
        ours, theirs = row_weights(result, i), twin_gumbel.weights(root)
        assert ours.keys() | theirs.keys() <= set(board.legal_actions.tolist())
        for action in ours.keys() | theirs.keys():  # the last digit may be rounded differently
            assert abs(ours.get(action, 0) - theirs.get(action, 0)) <= 1
        priors, total = {edge.action: float(edge.prior) for edge in root.edges}, sum(ours.values())
        divergence = sum(n / total * math.log(n / total / priors[action]) for action, n in ours.items())
        assert result.surprises[i] == pytest.approx(max(divergence, 0), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("rules", RULE_NAMES)
@pytest.mark.parametrize("simulations", [1, 7, 16, 50])
def test_weights_equal_those_of_the_twin(rules, simulations):
    options = SearchOptions(simulations=simulations, root="gumbel", gumbel_scale=1.0)
    assert_equals_twin(running(rules, 12), options)
    assert_equals_twin(running(rules, 12, back=2), options, uninformed)


def test_without_noise_too():
    assert_equals_twin(running("standard", 12), SearchOptions(simulations=24, root="gumbel"))


def test_dirichlet_noise_is_for_the_other_root():
    boards, options = running("standard", 8), SearchOptions(simulations=10, root="gumbel")
    noisy = dataclasses.replace(options, dirichlet_fraction=0.5)
    assert all((a == b).all() for a, b in zip(search(boards, options), search(boards, noisy), strict=True))


@pytest.mark.parametrize("simulations", [1, 2, 5, 16, 32, 64, 200])
def test_the_plan_halves_what_is_left(simulations):
    plan = considered_visits(simulations)
    for drawn in range(1, CONSIDERED + 1):
        assert plan[drawn].tolist() == twin_gumbel.halving(drawn, simulations)


def test_noise_follows_the_gumbel_distribution_and_depends_on_the_key_alone():
    noise = np.empty((2000, MAX_LEGAL_ACTIONS))
    draw_gumbel(np.arange(2000), 1.0, noise)
    assert stats.kstest(noise.ravel(), "gumbel_r").pvalue > 0.001
    again = np.empty((2, MAX_LEGAL_ACTIONS))
    draw_gumbel(np.array([7, 3]), 2.0, again)
    assert np.array_equal(again, 2 * noise[[7, 3]])


def test_the_first_action_is_drawn_by_the_policy():
    """The action with the largest sum of log policy and noise is a sample of the policy (the Gumbel-max trick)."""
    board = random_game("standard", 12, 1)
    n = 4000
    asked = []

    def evaluate(positions):
        asked.append(positions.copy())
        return np.zeros(len(positions), np.float32), hashed(positions)[1]

    options = SearchOptions(simulations=1, root="gumbel", gumbel_scale=1.0)
    search([board] * n, options, evaluate)
    after = {}
    for action in board.legal_actions.tolist():
        moved = board.copy()
        moved.push(action)
        after[moved.position] = action
    tried = np.array([after[p] for p in asked[-1].tolist()[:n]])
    policy = np.exp(hashed(np.array([board.position]))[1][0][board.legal_actions].astype(np.float64))
    counts = np.array([np.count_nonzero(tried == action) for action in board.legal_actions])
    assert stats.chisquare(counts, n * policy / policy.sum()).pvalue > 0.001


def test_weights_prefer_an_action_that_is_worth_more():
    """All priors are equal, so the actions differ only in the values that the search finds: the balls that are left."""
    boards = [board for board in running("children", 80) if len(board.legal_actions) <= CONSIDERED]

    def evaluate(positions):
        own, other = (np.bitwise_count(cells(positions)).astype(int) for cells in (own_cells, opponent_cells))
        return ((other - own) / 15).astype(np.float32), uninformed(positions)[1]

    # Each action is tried at least once.
    result = search(boards, SearchOptions(simulations=CONSIDERED, root="gumbel"), evaluate)
    compared = 0
    for i, board in enumerate(boards):
        weights = row_weights(result, i)
        raises = {a for a in board.legal_actions.tolist() if "^" in action_name(a, 0)}
        if abs(result.values[i]) < 1 and raises and len(raises) < len(board.legal_actions):
            compared += 1
            assert sum(weights.values()) == pytest.approx(WEIGHT, abs=60)  # rounded action by action
            assert max(weights, key=weights.__getitem__) in raises  # they cost no ball
    assert compared > 5
