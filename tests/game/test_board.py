"""`Board`: text, moving and undoing, errors that leave it as it was, and what Python shows of it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylos.errors import IllegalActionError, PositionError, RulesError
from pylos.game.actions import action_name
from pylos.game.board import BLACK, WHITE, Board, as_positions
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS, rules_code
from tests.support.boards import boards
from tests.twins import rules as twin_rules

EMPTY = "................/........./..../. w 0"


def square_board(rules: str = "standard") -> Board:
    """White completes 1A1-1A2-1B1-1B2 by placing on 1B2."""
    return Board.from_text("ww..w...bbb...../........./..../. w 0", rules)


def test_the_start():
    board = Board()
    assert board.text == EMPTY
    assert (board.rules, board.turn, board.pending, board.reserves) == ("standard", WHITE, 0, (15, 15))
    assert (board.is_over, board.winner, board.actions, board.turns, board.last_turn) == (
        False,
        None,
        (),
        [],
        "",
    )
    assert list(board.legal_actions) == list(range(16))
    assert (WHITE, BLACK) == ("white", "black")


@given(boards())
def test_text_and_repr_round_trip(board):
    again = Board.from_text(board.text, board.rules)
    assert again == board
    assert hash(again) == hash(board)
    assert again.text == board.text == twin_rules.format_game(twin_rules.parse(board.text))
    assert eval(repr(board)) == board
    assert Board.from_position(np.int64(board.position), board.rules) == board
    game, balls = twin_rules.parse(board.text), twin_rules.balls_per_player(board.rules)
    assert board.reserves == (balls - len(game.white), balls - len(game.black))
    assert board.turn[0] == game.side
    assert board.pending == game.pending


def test_the_ground_of_the_mini_game_belongs_to_nobody():
    board = Board("mini-standard")
    assert (board.text, board.reserves) == (EMPTY, (7, 7))
    assert list(board.legal_actions) == list(range(16, 25))
    with pytest.raises(IllegalActionError, match="1B2 is ground"):
        board.push("1B2")
    with pytest.raises(IllegalActionError, match="white has no ball on 1B2"):
        board.push("1B2^2C3")


@pytest.mark.parametrize("make", [Board, lambda rules: Board.from_text(EMPTY, rules)])
def test_unknown_rules_are_refused(make):
    with pytest.raises(RulesError, match="chess"):
        make("chess")


@given(boards())
def test_pop_undoes_push(board):
    final, actions = board.copy(), board.actions
    texts = [board.text]
    while board.actions:
        assert board.pop() == actions[len(board.actions)]
        texts.append(board.text)
    assert texts[-1] == EMPTY
    with pytest.raises(IndexError, match="nothing was pushed"):
        board.pop()
    for action in actions:
        assert board.text == texts.pop()
        board.push(action_name(action, board.pending))
    assert board == final
    assert board.actions == final.actions


@given(boards())
def test_turns_replay(board):
    while board.pending:
        board.pop()
    again = Board(board.rules)
    for turn in board.turns:
        again.push(turn)
        assert again.pending == 0
    assert again == board
    assert again.actions == board.actions
    assert again.last_turn == (board.turns or [""])[-1]


def test_a_turn_in_steps_and_as_a_whole():
    steps, whole = square_board(), square_board()
    for name in ("1B2", "-1A1", "="):
        assert steps.turn == "white"
        steps.push(name)
    whole.push("1B2-1A1")
    assert steps == whole
    assert steps.actions == whole.actions
    assert (whole.turn, whole.pending, whole.last_turn) == ("black", 0, "1B2-1A1")
    assert whole.text == ".w..ww..bbb...../........./..../. b 0"

    whole = square_board()
    whole.push("1B2-1A1-1B2")
    assert whole.text == ".w..w...bbb...../........./..../. b 0"
    assert whole.last_turn == "1B2-1A1-1B2"
    assert whole.last_cells == (5, 0, 5)


def test_a_turn_ends_by_itself_when_nothing_more_can_be_taken_back():
    # White's only free ball is the one just played, and taking it back uncovers none.
    board = Board.from_text(".wb.wwb.bb....../.b.b...../..../. w 0")
    board.push("1A1")
    assert [action_name(int(action), board.pending) for action in board.legal_actions] == ["-1A1"]
    twin = twin_rules.step(twin_rules.parse(board.text), ((0, 0, 0), None), "standard")
    board.push("-1A1")
    assert (board.turn, board.pending, board.last_turn) == ("black", 0, "1A1-1A1")
    assert board.text == twin_rules.format_game(twin)


def test_taking_back_nothing_where_that_is_allowed():
    board = square_board("standard-optional")
    board.push("1B2=")
    assert (board.turn, board.pending, board.last_turn) == ("black", 0, "1B2=")
    assert len(board.actions) == 2


def test_a_take_back_alone_is_one_step():
    board = square_board()
    board.push("1B2")
    assert (board.turn, board.pending, board.last_turn) == ("white", 2, "1B2")
    board.push("-1A1")
    assert (board.turn, board.pending, board.last_turn) == ("white", 1, "1B2-1A1")


def test_a_board_from_the_middle_of_a_turn_writes_the_stop_that_nothing_implies():
    board = Board.from_text("ww..ww..bbb...../........./..../. w 2")
    board.push("-1A1")
    board.push("=")
    assert board.turns == ["-1A1="]
    again = Board.from_text("ww..ww..bbb...../........./..../. w 2")
    again.push(board.last_turn)
    assert again == board


def test_the_apex_is_among_the_last_cells_and_the_reserve_is_not():
    board = Board.from_text("bbbbwwwwbwbwwbwb/wbwbwbwbw/wbwb/. b 0", "children")
    board.push("4A1")
    assert board.last_cells == (29,)
    board = square_board()
    board.push("1B2-1A1")
    assert board.last_cells == (5, 0)


@pytest.mark.parametrize(
    ("before", "action", "reason"),
    [
        ([], "1A1", "1A1 is occupied"),
        ([], "2A1", "2A1 does not rest on four balls"),
        ([], "=", "no take-back is pending"),
        ([], "-1A1", "no take-back is pending"),
        ([], "1C1^2A1", "white has no ball on 1C1"),
        ([], "1D1^2A1", "white has no ball on 1D1"),
        ([], 303, "303"),
        ([], -1, "-1"),
        ([], 16, "2A1 does not rest"),
        ([], "", "'' is no cell"),
        ([], "1D4-1A1", "no take-back is pending"),
        ([], "1B2-1A1-1A1", "white has no ball on 1A1"),
        ([], "1B2-1A1-1A2-1B1", "no take-back is pending"),
        ([], "1B2-1A1-1A2=", "no take-back is pending"),
        ([], "1B2=", "white must take back at least one ball"),
        ([], "1B2-1A1-", "''"),
        (["1B2"], "1D4", "white has a ball to take back first"),
        (["1B2"], "=", "white must take back at least one ball"),
        (["1B2"], "4A1", "a take-back is pending"),
        (["1B2"], "-1C1", "white has no ball on 1C1"),
        (["1B2", "-1A1"], "4A1", "a take-back is pending"),
        (["1B2-1A1", "1A1", "1D1", "1D2", "1D3", "2A1"], "1B2^2B2", "a ball rests on 1B2"),
        (["1B2-1A1", "1A1"], "1B2^2A1", "2A1 rests on 1B2"),
    ],
)
def test_illegal_actions_leave_the_board_as_it_was(before, action, reason):
    board = square_board()
    for name in before:
        board.push(name)
    text, actions = board.text, board.actions
    with pytest.raises(IllegalActionError, match=reason):
        board.push(action)
    assert board.text == text
    assert board.actions == actions


@given(boards(), st.integers(0, NUM_ACTIONS - 1))
def test_exactly_the_legal_actions_can_be_pushed(board, action):
    before, name = board.copy(), re.escape(action_name(action, board.pending))
    if action in board.legal_actions:
        board.push(action)
        assert board.actions == (*before.actions, action)
    else:
        with pytest.raises(IllegalActionError, match=f"^{name} is not legal in '{re.escape(board.text)}': "):
            board.push(action)
        assert board == before
        assert board.actions == before.actions


@given(boards())
def test_the_winner_is_who_moved_last(board):
    assert board.is_over == twin_rules.is_over(twin_rules.parse(board.text), board.rules)
    if board.is_over:
        winner = board.winner
        board.pop()
        assert board.turn == winner
    assert (board.winner, board.is_over) == (None, False)


def test_copies_are_independent():
    board = Board()
    other = board.copy()
    other.push("1A1")
    assert (board.text, board.actions) == (EMPTY, ())
    assert board != other
    assert Board("mature") != Board("children")
    assert board != EMPTY
    assert len({board, other, board.copy()}) == 2


def test_as_positions():
    games = [Board(), square_board()]
    positions = as_positions(games)
    assert positions.dtype == np.int64
    assert positions.tolist() == [board.position for board in games]
    assert as_positions(positions) is positions
    assert as_positions([]).shape == (0,)


@pytest.mark.parametrize("array", [np.zeros(2), np.zeros(2, bool), np.zeros((1, 1), np.int64), np.array(0)])
def test_arrays_of_anything_else_are_no_positions(array):
    with pytest.raises(PositionError, match=re.escape(f"not {array.dtype} {list(array.shape)}")):
        as_positions(array)


def test_an_empty_array_holds_no_position_whatever_its_kind():
    assert as_positions(np.array([])).dtype == np.int64


def test_what_a_network_sees_of_a_board():
    board = Board("mature")
    board.push("1B2")
    expected = np.empty((1, OBSERVATION_SIZE), np.float32)
    observe_all(np.array([board.position]), rules_code("mature"), expected)
    assert board.observation.dtype == np.float32
    assert np.array_equal(board.observation, expected[0])
