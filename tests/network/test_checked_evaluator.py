"""What evaluators of networks have in common, whatever computes them."""

import math

import numpy as np
import pytest

from pylos.errors import NonFiniteNetworkError
from pylos.game.position import START
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.checked_evaluator import CheckedEvaluator
from tests.support.evaluators import hashed, random_positions


class _Hashed(CheckedEvaluator):
    """Answers by a hash of the position, except for a value, or an action of all positions."""

    def __init__(self, action: int | None = None, number: float = 0.0) -> None:
        super().__init__(RULES["standard"], "this one")
        self.action, self.number, self.sizes = action, number, []

    def _evaluate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.sizes.append(len(positions))
        values, log_policy = hashed(positions)
        if not math.isfinite(self.number):
            (values if self.action is None else log_policy[:, self.action])[:] = self.number
        return values, log_policy


@pytest.mark.parametrize("count", [1, 7, 8, 9, 30])
def test_batches_are_filled_up_and_answers_cut_to_what_was_asked(count: int):
    evaluate, positions = _Hashed(), random_positions(count)
    values, log_policy = evaluate(positions)
    assert evaluate.sizes == [-(-count // 8) * 8]
    assert np.array_equal(values, hashed(positions)[0])
    assert np.array_equal(log_policy, hashed(positions)[1])


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("action", "usable"), [(None, False), (0, False), (15, False), (29, True)])
def test_values_and_the_policy_of_legal_actions_must_be_finite(action, usable: bool, number: float):
    """On the empty board 0 to 15 are legal, and 29, the apex, is not."""
    evaluate, start = _Hashed(action, number), np.array([START])
    if usable:
        assert evaluate(start)[1].shape == (1, NUM_ACTIONS)
    else:
        with pytest.raises(
            NonFiniteNetworkError, match="this one gives values or policies that are not finite"
        ):
            evaluate(start)


def test_a_search_asks_about_no_position_twice():
    evaluate = _Hashed()
    cached = evaluate.cached()
    cached(random_positions(16))
    cached(random_positions(16))
    assert sum(evaluate.sizes) <= 16
    assert cached.network_share <= 0.5
    assert evaluate.network_share == 1
