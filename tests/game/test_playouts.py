"""Random actions and playouts against the plain-Python twin and against chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pylos.game.board import Board
from pylos.game.playouts import NO_ACTION, playout, playouts, random_action
from pylos.game.position import START
from pylos.game.rules import RULES
from pylos.kernels.randomness import draw
from tests.support.boards import RULE_NAMES, boards, random_game
from tests.twins import playouts as twin_playouts
from tests.twins import randomness as twin_randomness
from tests.twins import rules as twin_rules

keys = st.integers(0, 2**63 - 1)

VARIED = [
    ("children", "................/........./..../. w 0"),
    ("standard", "bbbwwbwbbwb.bwb./wb.ww..w./b.../. w 0"),  # places and raises
    ("mature", ".wwwwbbbwwwbbbbw/...bbwwwb/..wb/. w 0"),
]
"""Positions of many kinds; those with a take-back are found by play."""


def _pending_board(rules: str, pending: int) -> Board:
    """A board on which this many balls may still be taken back, with some choice."""
    found = (random_game(rules, steps, seed) for seed in range(50) for steps in range(10, 40))
    return next(b for b in found if b.pending == pending and len(b.legal_actions) > 3)


@given(boards(), st.integers(0, 2**63 - 1))
def test_a_random_action_is_the_one_that_the_bits_point_at(board, bits):
    legal = [
        twin_rules.action_id(a) for a in twin_rules.sorted_actions(twin_rules.parse(board.text), board.rules)
    ]
    action = random_action(board.position, RULES[board.rules], bits)
    assert action == (legal[twin_randomness.pick_below(bits, len(legal))] if legal else NO_ACTION)


def _assert_uniform(board: Board) -> None:
    legal = board.legal_actions
    drawn = [random_action(board.position, RULES[board.rules], draw(1, i)) for i in range(60 * len(legal))]
    assert set(drawn) <= set(legal.tolist())
    assert stats.chisquare([drawn.count(action) for action in legal]).pvalue > 0.001


@pytest.mark.parametrize(("rules", "text"), VARIED)
def test_random_actions_are_uniform(rules, text):
    _assert_uniform(Board.from_text(text, rules))


@pytest.mark.parametrize("pending", [2, 1])
@pytest.mark.parametrize("rules", [name for name in RULE_NAMES if "children" not in name])
def test_random_take_backs_are_uniform(rules, pending):
    _assert_uniform(_pending_board(rules, pending))


@given(boards(), keys)
def test_a_playout_equals_its_twin(board, key):
    expected = twin_playouts.playout(twin_rules.parse(board.text), board.rules, key, 300)
    assert playout(board.position, RULES[board.rules], key, 300) == expected


@given(boards(), keys, st.integers(0, 40))
def test_a_playout_stops_at_its_limit_as_a_draw(board, key, limit):
    outcome, plies = playout(board.position, RULES[board.rules], key, limit)
    assert (outcome, plies) == twin_playouts.playout(twin_rules.parse(board.text), board.rules, key, limit)
    assert plies <= limit
    if outcome == 0:
        assert plies == limit


def test_the_outcome_is_that_of_the_player_who_starts():
    lost = Board.from_text("bbbbwwwwbwbwwbwb/wbwbwbwbw/wbwb/b w 0", "children")
    assert lost.is_over
    assert playout(lost.position, 0, 1, 9) == (-1.0, 0)
    won = Board.from_text("bbbbwwwwbwbwwbwb/wbwbwbwbw/wbwb/. b 0", "children")
    assert playout(won.position, 0, 1, 9) == (1.0, 1)
    waiting = Board.from_text("bbbbwwwwbwbwwbwb/wbwbwbwbw/wb.b/. w 0", "children")
    assert playout(waiting.position, 0, 1, 9) == (-1.0, 2)


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_many_playouts_are_the_mean_of_single_ones(rules):
    single = [playout(START, RULES[rules], draw(9, game), 1000) for game in range(50)]
    outcome, actions = playouts(START, RULES[rules], 9, 50, 1000)
    assert outcome == pytest.approx(np.mean([result for result, _ in single]))
    assert actions == sum(plies for _, plies in single)
