"""The softmax of kernels and of NumPy against SciPy's."""

import numpy as np
import pytest
from scipy.special import softmax

from pylos.search.softmax import exponentials, legal_policy


@pytest.mark.parametrize("shift", [-1000.0, 0.0, 1000.0])
def test_exponentials_by_their_sum_are_the_softmax_of_the_first_scores(shift):
    scores = np.array([1.0, -2.0, 0.5, 3.0, 99.0]) + shift
    expected = softmax(scores[:4])
    total = exponentials(scores, 4)
    assert scores[:4] / total == pytest.approx(expected)
    assert scores[:4].max() == 1
    assert scores[4] == 99.0 + shift


def test_a_score_of_minus_infinity_gets_nothing():
    scores = np.array([-np.inf, 2.0, 2.0])
    assert exponentials(scores, 3) == 2
    assert scores.tolist() == [0, 1, 1]


def test_a_policy_over_legal_actions_leaves_the_others_out():
    log_policy = np.linspace(-900, 900, 303, dtype=np.float32)
    actions = np.array([3, 4, 200, 201])
    policy = legal_policy(log_policy, actions)
    assert policy == pytest.approx(softmax(log_policy[actions]), abs=1e-6)
    assert len(legal_policy(log_policy, actions[:0])) == 0
