"""Why positions cannot occur and actions are not legal: each reason, where it applies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylos.errors import IllegalActionError, PositionError, RulesError
from pylos.game.actions import parse_action
from pylos.game.board import Board
from pylos.game.explanations import can_occur, why_illegal, why_impossible
from pylos.game.rules import RULES
from tests.support.boards import RULE_NAMES, boards, random_game

# Positions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", RULE_NAMES)
@given(st.integers(0, 80), st.integers(0, 1000), st.lists(st.integers(0, 63), max_size=3))
def test_positions_of_games_with_some_bits_flipped_can_occur_where_there_is_no_reason_why_not(
    rules, plies, seed, flips
):
    position = random_game(rules, plies, seed).position
    for bit in flips:
        position ^= 1 << bit
    if position >= 1 << 63:
        position -= 1 << 64
    assert can_occur(position, RULES[rules]) == (why_impossible(position, rules) == "")


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(RULE_NAMES))
def test_any_bits_can_occur_where_there_is_no_reason_why_not(position, rules):
    assert can_occur(position, RULES[rules]) == (why_impossible(position, rules) == "")


@given(boards())
def test_positions_of_games_can_occur(board):
    assert why_impossible(board.position, board.rules) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ww..w.........../w......../..../. w 0", "2A1 does not rest"),
        ("wbbwwbwwbwbwwbbw/wbbbbwwb./bbww/. w 0", "3B2 does not rest"),
        ("bbbbbbbbbbbbbbbb/........./..../. w 0", "black has 16 balls"),
        ("wwwwwwwwwwwwwwww/........./..../. w 0", "white has 16 balls"),
        ("................/........./..../. w 2", "white has no ball that could be taken back"),
        ("wwww............/........./..../. b 1", "black has no ball that could be taken back"),
        ("wwww............/........./..../. w 2", "white has just completed no formation"),
        ("wwwwwwwwwwwwwww./........./..../. w 1", "all 15 balls"),
    ],
)
def test_impossible_positions(text, reason):
    with pytest.raises(PositionError, match=re.escape(reason)):
        Board.from_text(text)


@pytest.mark.parametrize(
    ("prefix", "text", "line"),
    [
        ("", "wwwww.........../........./..../. w 1", "wwww............/........./..../. w 2"),
        ("mini-", "................/wwwww..../..../. w 1", "................/www....../..../. w 2"),
    ],
)
def test_pending_needs_rules_with_take_backs(prefix, text, line):
    assert Board.from_text(text, f"{prefix}standard").pending == 1
    with pytest.raises(PositionError, match="children"):
        Board.from_text(text, f"{prefix}children")
    assert Board.from_text(line, f"{prefix}mature").pending == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            ".....w........../........./..../. w 0",
            "a ball on 1B2, but the mini game is played on the levels above",
        ),
        ("................/wwwwwwww./..../. w 0", "white has 8 balls on the board; there are 7 a side"),
        ("................/........./w.../. w 0", "3A1 does not rest"),
        ("................/wwwwwww../..../. w 1", "all 7 balls"),
    ],
)
def test_impossible_positions_of_the_mini_game(text, reason):
    with pytest.raises(PositionError, match=re.escape(reason)):
        Board.from_text(text, "mini-standard")


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        (-1, "63 bits"),
        (1 << 63, "63 bits"),
        (1 | 1 << 30, "1A1 holds two"),
        (3 << 60, "at most 2"),
        (1 << 16, "2A1"),
    ],
)
def test_impossible_bits(position, reason):
    assert reason in why_impossible(position, "standard")
    with pytest.raises(PositionError, match=f"position {position}: .*{reason}"):
        Board.from_position(position)


def test_unknown_rules_are_refused():
    with pytest.raises(RulesError, match="chess"):
        why_impossible(0, "chess")


# Actions -----------------------------------------------------------------------------------------------------

SQUARE = "ww..ww..bbb...../........./..../. w 2"
RAISED = "ww..ww..bbb...../w......../..../. w 0"
FULL = "wwwwbwwwwbwwwwwb/bbbbbb.bb/ww../. w 0"


@pytest.mark.parametrize(
    ("text", "rules", "action", "reason"),
    [
        (SQUARE, "standard", "1D4", "white has a ball to take back first"),
        (SQUARE, "standard-optional", "1D4", "white has a ball to take back first"),
        (SQUARE, "standard", "=", "white must take back at least one ball"),
        (SQUARE, "standard", "-1C1", "white has no ball on 1C1"),
        (RAISED, "standard", "-1A1", "no take-back is pending"),
        (RAISED, "standard", "1C1^2A1", "white has no ball on 1C1"),
        (RAISED, "standard", "1D1^2B2", "white has no ball on 1D1"),
        (RAISED, "standard", "1B2^2C3", "a ball rests on 1B2"),
        (RAISED, "standard", "1A1", "1A1 is occupied"),
        (RAISED, "standard", "2A2", "2A2 does not rest on four balls"),
        (RAISED.replace("w 0", "b 0"), "standard", "1A1^2C3", "black has no ball on 1A1"),
        ("ww..ww........../........./..../. w 0", "standard", "1B2^2A1", "2A1 rests on 1B2"),
        ("................/........./..../. w 0", "mini-standard", "1B2", "1B2 is ground, on which nobody plays"),
        (FULL, "children", "3B2", "white has no ball in reserve"),
    ],
)  # fmt: skip
def test_illegal_actions(text, rules, action, reason):
    board = Board.from_text(text, rules)
    assert why_illegal(board.position, parse_action(action), RULES[rules]) == reason
    with pytest.raises(IllegalActionError, match=f"is not legal in '{re.escape(text)}': {reason}$"):
        board.push(action)
