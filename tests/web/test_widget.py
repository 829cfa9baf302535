"""The board widget, as Python sees it; tests/browser/test_widget.py plays in it."""

import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import pylos.web.widget as module
from pylos.errors import ConfigurationError, IllegalActionError, PlayerError
from pylos.game.board import Board
from pylos.web.widget import BoardWidget, style_sheet, widget_module


class Scripted:
    """A player that plays the first legal action, when it may."""

    name = "scripted"

    def __init__(self, rules="standard"):
        self.rules = rules
        self.may = threading.Event()
        self.may.set()

    def reset(self, key):
        """Nothing is random."""

    def choose(self, boards):
        assert self.may.wait(10)
        return np.array([board.legal_actions[0] for board in boards])


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.0)


def test_the_opponent_answers_every_turn():
    widget = BoardWidget("random")
    widget.push("1B2")
    widget.wait()
    assert len(widget.turns) == 2
    assert widget.board.turn == widget.side == "white"
    widget.new_game("black")
    widget.wait()
    assert (widget.side, len(widget.turns), widget.board.turn) == ("black", 1, "black")


def test_after_a_won_game_it_is_nobodys_turn():
    board = Board("mini-standard")
    while not board.is_over:
        before = board.copy()
        board.push(int(board.legal_actions[0]))
    widget = BoardWidget(Scripted("mini-standard"), board=before, side=before.turn)
    widget.push(board.actions[-1])
    with pytest.raises(IllegalActionError, match="over"):
        widget.push("1A1")


def test_the_board_is_a_copy():
    widget = BoardWidget(None)
    widget.board.push("1B2")
    assert widget.turns == []


def test_undo_takes_back_what_was_begun_and_else_ones_own_turn():
    widget = BoardWidget(Scripted())
    for turn in ("1D4", "1D3"):
        widget.push(turn)
        widget.wait()
    assert widget.turns == ["1D4", "1A1", "1D3", "1A2"]
    widget.undo()
    assert widget.turns == ["1D4", "1A1"]
    widget.undo()
    widget.undo()
    assert widget.turns == []
    square = Board.from_text("bbb..ww..w....../........./..../. w 0")
    widget = BoardWidget(Scripted(), board=square)
    widget.receive({"kind": "action", "action": int(square.legal_actions[-1])})
    widget.wait()
    assert widget.shown["can_undo"]
    two = BoardWidget(None, board=square)
    two.push("1C3")
    assert two.board.pending == 2
    two.undo()
    assert two.board == square


def test_who_plays_black_cannot_take_back_the_first_turn_of_white():
    widget = BoardWidget(Scripted(), side="black")
    widget.wait()
    widget.undo()
    assert len(widget.turns) == 1
    assert not widget.shown["can_undo"]


def test_a_thinking_opponent_blocks_nothing_and_hears_of_a_new_game():
    player = Scripted()
    player.may.clear()
    widget = BoardWidget(player)
    widget.push("1B2")
    assert widget.shown["thinking"]
    with pytest.raises(IllegalActionError, match="opponent's turn"):
        widget.push("1C3")
    old = widget._thread
    widget.new_game()
    player.may.set()
    old.join()
    assert widget.turns == []
    assert not widget.shown["thinking"]


def test_what_is_shown_has_the_motion():
    widget = BoardWidget(Scripted())
    assert widget.shown["played"] is None
    widget.push("1B2")
    widget.wait()
    played, state = widget.shown["played"], widget.shown["state"]
    assert played["from"]["cells"] != state["cells"]
    assert played["actions"] == list(widget.board.actions[1:])
    assert state["text"] == widget.board.text


def test_the_failure_of_a_player_is_told():
    class Broken(Scripted):
        def choose(self, boards):
            raise ValueError("no idea")

    widget = BoardWidget(Broken())
    widget.push("1B2")
    widget.wait()
    assert widget.shown["trouble"] == "scripted cannot play: no idea"
    widget.undo()
    assert widget.turns == []
    assert not widget.shown["trouble"]


@pytest.mark.parametrize(
    "message",
    [None, [], {}, {"kind": "action", "action": 999}, {"kind": "action", "action": "1B2"},
     {"kind": "action", "action": 29}, {"kind": "new", "side": "red"}, {"kind": "new", "side": []}, {"kind": "other"}],
)  # fmt: skip
def test_strange_messages_change_nothing(message):
    widget = BoardWidget(Scripted())
    widget.receive(message)
    assert widget.turns == []


def test_the_rules_are_those_of_the_board_or_of_the_player():
    assert BoardWidget(None, board=Board("mini-standard")).board.rules == "mini-standard"
    assert BoardWidget(Scripted("mature")).board.rules == "mature"
    assert BoardWidget("random", rules="children").board.rules == "children"
    for options in ({"mode": "4d"}, {"side": "red"}):
        with pytest.raises(ConfigurationError, match="must be"):
            BoardWidget(None, **options)
    with pytest.raises(PlayerError, match="no player 'nobody'"):
        BoardWidget("nobody")


def test_a_cell_gets_the_widget_and_a_drawing():
    pytest.importorskip("anywidget")
    widget = BoardWidget(Scripted())
    data, _ = widget._repr_mimebundle_()
    assert set(data) == {"text/plain", "image/svg+xml", "application/vnd.jupyter.widget-view+json"}
    widget.push("1B2")
    widget.wait()
    assert widget.widget.game["state"]["text"] == widget.board.text
    assert "1B2 white" in widget._repr_mimebundle_()[0]["image/svg+xml"]


def test_without_anywidget_there_is_the_drawing():
    code = """
import sys; sys.modules["anywidget"] = None
from pylos import BoardWidget
widget = BoardWidget("random")
print(*sorted(widget._repr_mimebundle_()[0]))
try: widget.widget
except Exception as error: print(error)
print(any(name in sys.modules for name in ("torch", "lightning", "ipywidgets")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "image/svg+xml text/plain",
        "the board needs anywidget: pip install 'pylos[notebook]'",
        "False",
    ]


def test_every_module_stands_behind_those_that_it_imports():
    source = widget_module()
    paths = re.findall(r'\["([\w/]+\.js)", ', source)
    assert paths[-1] == "widget.js"
    assert len(paths) == len(set(paths)) > 10
    for imported in re.findall(r'from \\"module:([^"\\]+)', source):
        assert imported in paths
    assert 'from \\"./' not in source
    assert ".pylos-widget" in style_sheet()
