"""Whole turns against the plain-Python twin."""

import numpy as np
import pytest
from hypothesis import given

from pylos.game.board import Board
from pylos.game.notation import format_position
from pylos.game.rules import RULES
from pylos.game.turns import EARNING, ENDS, MAX_EARLIER, TURN_ROOM, earlier_positions, ends_of_turn, moves
from tests.support.boards import boards, colourings
from tests.twins import rules as twin_rules


def lists_of_turns(position: int, rules: str) -> tuple[list[int], list[int]]:
    """What the turns lead to: those that earn nothing, and those with a choice of balls to take back."""
    room = np.empty(TURN_ROOM, np.int64)
    n, m = moves(position, RULES[rules], room)
    earning = room[EARNING:][:m].tolist()
    return room[:n].tolist(), [
        end
        for middle in earning
        for end in room[ENDS:][: ends_of_turn(middle, RULES[rules], room[ENDS:])].tolist()
    ]


def all_turns(position: int, rules: str) -> list[int]:
    plain, earning = lists_of_turns(position, rules)
    return plain + earning


def assert_same_turns(game: twin_rules.Game, rules: str) -> None:
    plain, earning = lists_of_turns(Board.from_text(twin_rules.format_game(game), rules).position, rules)
    expected = [twin_rules.format_game(after) for after in twin_rules.turns(game, rules)]
    assert sorted(map(format_position, plain + earning)) == sorted(expected)
    moved = [twin_rules.step(game, action, rules) for action in twin_rules.legal(game, rules)]
    expected = [twin_rules.format_game(after) for after in moved if not after.pending]
    assert sorted(map(format_position, plain)) == sorted(expected)


def assert_earlier_positions_are_those_with_a_turn_here(position: int, rules: str) -> None:
    room = np.empty(MAX_EARLIER, np.int64)
    for after in all_turns(position, rules):
        assert position in room[: earlier_positions(after, RULES[rules], room)]
    for earlier in set(room[: earlier_positions(position, RULES[rules], room)].tolist()):
        Board.from_text(format_position(earlier), rules)  # refuses what cannot stand
        assert position in all_turns(earlier, rules)


@given(boards())
def test_turns_in_games(board):
    while board.pending:
        board.pop()
    assert_same_turns(twin_rules.parse(board.text), board.rules)
    assert_earlier_positions_are_those_with_a_turn_here(board.position, board.rules)


@given(colourings())
def test_turns_in_any_position(coloured):
    game, rules = coloured
    assert_same_turns(game, rules)
    position = Board.from_text(twin_rules.format_game(game), rules).position
    assert_earlier_positions_are_those_with_a_turn_here(position, rules)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("................/.ww.wb.ww/.w.b/. b 0", "mini-standard"),
        ("................/ww.ww.bw./..w./. b 0", "mini-standard"),
        ("wwwwwbw.wbbw.bww/bw.ww...w/..../. b 0", "standard"),
    ],
)
def test_who_has_one_ball_in_reserve_has_taken_back_one_at_most(text, rules):
    assert_earlier_positions_are_those_with_a_turn_here(Board.from_text(text, rules).position, rules)
