"""The compiled checks agree with `find_flaw`, and find what cannot come from a game."""

import numpy as np
import pytest

from pylos.game.rules import RULES, is_over
from pylos.selfplay.checks import first_impossible_game, first_impossible_sample
from tests.support.boards import RULE_NAMES, random_game


def _decisions(rules: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boards = [board for plies in range(30) if not (board := random_game(rules, plies, 3)).is_over]
    actions, weights = np.zeros((2, len(boards), 4), np.int16)
    for i, board in enumerate(boards):
        chosen = board.legal_actions[-3:]
        actions[i, : len(chosen)], weights[i, : len(chosen)] = chosen, 5
    return np.array([board.position for board in boards]), actions, weights


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_samples_of_a_game_are_possible_and_changed_ones_are_not(rules):
    positions, actions, weights = _decisions(rules)
    code = RULES[rules]
    assert first_impossible_sample(positions, actions, weights, code) == -1
    full = np.flatnonzero(weights[:, 2])[3]  # a row with three actions
    for array, row, changed in [
        (positions, 5, 1 << 29),
        (actions, 6, 302),
        (actions, 7, actions[7, ::-1].copy()),
        (weights, 8, 0),
        (weights, full, [-1, 5, 5, 0]),
        (weights, full, [5, 0, 5, 0]),
        (actions, full, actions[full, [0, 0, 2, 3]]),
    ]:
        kept = array[row].copy()
        array[row] = changed
        assert first_impossible_sample(positions, actions, weights, code) == row
        array[row] = kept


def test_games_are_checked_up_to_their_current_ply():
    positions, actions, weights = (array[None] for array in _decisions("standard"))
    code, last = RULES["standard"], len(positions[0]) - 1
    assert first_impossible_game(np.array([last]), positions, actions, weights, code) == -1
    assert first_impossible_game(np.array([0]), positions, actions, weights, code) == -1
    weights[0, 5] = 0
    assert first_impossible_game(np.array([last]), positions, actions, weights, code) == 0
    # Behind the current ply lies what is left of another game.
    assert first_impossible_game(np.array([5]), positions, actions, weights, code) == -1
    over = next(board for seed in range(99) if (board := random_game("standard", 500, seed)).is_over)
    assert is_over(over.position, code)
    positions[0, 3] = over.position
    assert first_impossible_game(np.array([3]), positions, actions, weights, code) == 0
