"""Games of requests, and positions as the page gets them."""

import pytest
from hypothesis import given

from pylos.errors import PositionError, RulesError
from pylos.game.board import Board
from pylos.game.notation import parse_position
from pylos.game.outcome import outcome_on
from pylos.web.states import Game, play_turns, read_game, replay, start_board, state_of
from tests.support.boards import boards


def test_the_state_of_an_empty_board():
    state = state_of(Board())
    assert state["supported"] == list(range(16))
    assert [entry["name"] for entry in state["legal"]][:2] == ["1A1", "1A2"]
    assert state["reserves"] == {"white": 15, "black": 15}
    assert (state["say"], state["over"], state["ply"], state["last"]) == ("White to move", None, 0, [])


@given(boards())
def test_a_state_says_what_the_board_does(board):
    state = state_of(board)
    assert parse_position(state["text"], board.rules) == board.position
    assert len(state["cells"]) == 30
    assert (state["turn"], state["pending"], state["ply"]) == (board.turn, board.pending, len(board.actions))
    assert state["last"] == list(board.last_cells)
    if state["over"] is None:
        assert [entry["action"] for entry in state["legal"]] == board.legal_actions.tolist()
    else:
        assert state["legal"] == []
        assert state["say"] == state["over"]["text"]
    for entry in state["legal"]:
        source, target = entry["source"], entry["target"]
        assert entry["kind"] in ({"take", "stop"} if board.pending else {"place", "raise"})
        assert (source is None) == (entry["kind"] in ("place", "stop"))
        assert (target is None) == (entry["kind"] in ("take", "stop"))
        assert source is None or state["cells"][source] == state["turn"][0]
        assert target is None or target in state["supported"]


@given(boards())
def test_the_turns_of_a_game_are_those_of_the_board(walked):
    board = Board(walked.rules)
    for action in walked.actions:  # a random walk may go on after a draw by repetition; a game does not
        if outcome_on(board) is None:
            board.push(action)
    turns = play_turns(Board(board.rules), list(board.actions))
    assert [turn["turn"] for turn in turns] == board.turns
    assert [action for turn in turns for action in turn["actions"]] == list(board.actions)
    assert all(turn["complete"] for turn in turns[:-1])
    assert all(turn["state"] == turn["states"][-1] for turn in turns)
    assert [turn["by"] for turn in turns] == ["white", "black"] * (len(turns) // 2) + ["white"] * (
        len(turns) % 2
    )
    if turns:
        assert turns[-1]["complete"] == (board.pending == 0 or outcome_on(board) is not None)


def test_a_begun_turn_goes_on():
    game = read_game({"rules": "standard", "start": "ww..ww..bbb...../........./..../. w 2", "actions": []})
    turns = play_turns(start_board(game), replay(Game("standard", None, [])).legal_actions[:0].tolist())
    assert turns == []
    stop = start_board(game).legal_actions.tolist()[0]
    (turn,) = play_turns(start_board(game), [stop])
    assert (turn["by"], turn["complete"]) == ("white", False)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"rules": 3},
        {"rules": "standard", "start": 5},
        {"rules": "standard", "start": "." * 101},
        {"rules": "standard", "actions": "5"},
        {"rules": "standard", "actions": ["5"]},
        {"rules": "standard", "actions": [5.0]},
        {"rules": "standard", "actions": [True]},
        {"rules": "standard", "actions": [303]},
        {"rules": "standard", "actions": [-1]},
        {"rules": "standard", "actions": [10**4000]},
        {"rules": "standard", "actions": [5] * 1001},
    ],
)
def test_what_is_no_game_is_refused(value):
    with pytest.raises(PositionError) as error:
        read_game(value)
    assert len(str(error.value)) < 150


def test_unknown_rules_are_refused():
    with pytest.raises(RulesError, match="unknown rule set 'nonsense'"):
        read_game({"rules": "nonsense"})
