"""The board in a cell of a notebook: play against any player there, with the page's own board.

The page's modules go to the cell as they are, in one text. There is no server: legal actions and the opponent's turns
come through the messages of the widget.
"""

from __future__ import annotations

import json
import posixpath
import re
import threading
import time
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import Any, get_args

import numpy as np

from pylos.errors import ConfigurationError, IllegalActionError
from pylos.game.board import Board, Side
from pylos.game.outcome import outcome_on, play_on
from pylos.players.naming import make_player
from pylos.players.player import Player
from pylos.system.options import shown
from pylos.web.info import cells
from pylos.web.states import ACTION_IDS, state_of

MODES = ("auto", "3d", "flat")
"""How the board can be drawn; "auto" is 3D where a graphics card draws it."""
LEAST_SECONDS = 0.5
"""The opponent waits so long before its turn is shown, so that the own turn is seen first."""
_PAGES = resources.files("pylos.web") / "pages"
_IMPORT = re.compile(r' from "(\.[^"]+)"')
_LOADER = """
const urls = {};
for (const [path, source] of MODULES) {
  const linked = source.replace(/ from "module:([^"]+)"/g, (_, name) => ` from "${urls[name]}"`);
  urls[path] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
}
export default { render: async (context) => (await import(urls["widget.js"])).render(context) };
"""


class BoardWidget:
    """A game against a player, in a cell of a notebook.

    Let it be the last line of a cell and play with the mouse or the keyboard. Turns can be played from Python, too.
    The opponent thinks in a thread of its own, so other cells can run meanwhile. Without anywidget (`pip install
    'pylos[notebook]'`), and where a notebook is shown without its kernel, there is a drawing in its place.

    Args:
        opponent: a text that names a player, as `pylos.make_player` reads it; or a player; None for two people.
        rules: name of the rule set; by default that of `board`, of the player, or "standard".
        side: what you play, "white" or "black".
        board: where the game begins; the empty board by default.
        mode: how the board is drawn: "3d", "flat", or "auto", which is 3D where a graphics card draws it.

    Raises:
        PylosError: there is no such player, rule set, side or mode.
    """

    def __init__(
        self,
        opponent: str | Player | None = "level:learner",
        *,
        rules: str | None = None,
        side: Side = "white",
        board: Board | None = None,
        mode: str = "auto",
    ) -> None:
        if mode not in MODES:
            raise ConfigurationError(f"mode must be {', '.join(MODES)}, got {shown(mode)}")
        if rules is None and board is not None:
            rules = board.rules
        self._player = make_player(opponent, rules) if isinstance(opponent, str) else opponent
        self._start = board.copy() if board is not None else Board(self._rules_or_default(rules))
        self._mode = mode
        self._side: Side = "white"
        self._board = self._start.copy()
        self._lock, self._asking = threading.RLock(), threading.Lock()
        self._version = 0
        """It grows when the game goes another way than the opponent that is thinking knows."""
        self._thread: threading.Thread | None = None
        self._thinking, self._trouble = False, ""
        self._view: Any = None
        self.shown: dict[str, Any] = {}
        """What the cell shows: see `_show`, and `pages/js/widget.js`, which reads it."""
        self.new_game(side)

    def _rules_or_default(self, rules: str | None) -> str:
        return rules or str(getattr(self._player, "rules", "standard"))

    # What Python sees and does

    @property
    def board(self) -> Board:
        """A copy of the board as it is now."""
        with self._lock:
            return self._board.copy()

    @property
    def turns(self) -> list[str]:
        """The turns so far."""
        return self.board.turns

    @property
    def side(self) -> Side | None:
        """What you play; None for both."""
        return None if self._player is None else self._side

    def push(self, turn: str | int) -> None:
        """Plays an action or a whole turn for whoever is to move, as `Board.push` does; then the opponent answers.

        Raises:
            IllegalActionError: it is not legal, the game is over, or the opponent is to move.
        """
        with self._lock:
            if not self._is_mine and outcome_on(self._board) is None:
                raise IllegalActionError("it is the opponent's turn: `wait()` returns after it")
            before = self._board.copy()
            play_on(self._board, turn)
            self._go_on(before)

    def undo(self) -> None:
        """Takes back the turn that was begun; else your last turn, with the opponent's answer."""
        with self._lock:
            if not self._can_undo:
                return
            least, begun = len(self._start.actions), self._board.pending > 0 and self._is_mine
            self._board.pop()
            while len(self._board.actions) > least and (self._board.pending or not (begun or self._is_mine)):
                self._board.pop()
            self._go_on(None)

    def new_game(self, side: Side | None = None) -> None:
        """Begins again.

        Args:
            side: what you play; as before by default.

        Raises:
            ConfigurationError: there is no such side.
        """
        if side is not None and side not in get_args(Side):
            raise ConfigurationError(f"side must be white or black, got {shown(side)}")
        with self._lock:
            self._side = side or self._side
            self._board = self._start.copy()
            self._go_on(None)

    def wait(self) -> None:
        """Returns when the opponent has answered."""
        if self._thread is not None:
            self._thread.join()

    # The game

    @property
    def _is_mine(self) -> bool:
        return self._player is None or self._board.turn == self._side

    @property
    def _can_undo(self) -> bool:
        """Whether a turn of one's own was begun or played."""
        played = len(self._board.actions) - len(self._start.actions)
        if self._player is None or (self._board.pending and self._is_mine):
            return played > 0
        own = self._start.copy()
        for action in self._board.actions[len(self._start.actions) :]:
            if own.turn == self._side:
                return True
            own.push(action)
        return False

    def _go_on(self, before: Board | None) -> None:
        """Shows the game after a change, and lets the opponent think if it is to move."""
        self._version += 1
        self._trouble = ""
        self._thinking = not self._is_mine and outcome_on(self._board) is None
        self._show(before)
        if self._thinking:
            arguments = (self._board.copy(), self._version)
            self._thread = threading.Thread(target=self._answer, args=arguments, daemon=True)
            self._thread.start()

    def _answer(self, board: Board, version: int) -> None:
        """Plays the opponent's turn, in a thread."""
        assert self._player is not None
        ready, before, trouble = time.monotonic() + LEAST_SECONDS, board.copy(), ""
        try:
            with self._asking:  # players decide one thing at a time
                while board.turn == before.turn and outcome_on(board) is None and version == self._version:
                    play_on(board, int(np.asarray(self._player.choose([board]))[0]))
        except Exception as error:  # players of the user's may raise anything, and a thread would lose it
            trouble = f"{self._player.name} cannot play: {error}"
        time.sleep(max(0.0, ready - time.monotonic()))
        with self._lock:
            if version == self._version:
                self._thinking, self._trouble = False, trouble
                if not trouble:
                    self._board = board
                self._show(before)

    # What the cell shows

    @property
    def widget(self) -> Any:
        """The widget itself, to be combined with those of ipywidgets.

        Raises:
            ConfigurationError: anywidget is not installed.
        """
        if self._view is None:
            try:
                view = _view_class()
            except ImportError:
                message = "the board needs anywidget: pip install 'pylos[notebook]'"
                raise ConfigurationError(message) from None
            with self._lock:  # an answer that comes meanwhile is shown after it
                self._view = view(cells=cells(), mode=self._mode, game=self.shown)
                self._view.on_msg(lambda _, content, buffers: self.receive(content))
        return self._view

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The widget where there is one, and for all other places a drawing."""
        bundle, metadata = {}, {}
        with suppress(ConfigurationError):
            bundle, metadata = self.widget._repr_mimebundle_()
        return {**bundle, "image/svg+xml": self.board.svg(), "text/plain": str(self)}, metadata

    def __str__(self) -> str:
        return str(self.board)

    def _show(self, before: Board | None) -> None:
        """Notes what to show, and shows it if there is a cell. What led here from `before` is seen as motion."""
        played = None
        if before is not None:
            actions = self._board.actions[len(before.actions) :]
            played = {"actions": list(actions), "from": state_of(before)} if actions else None
        self.shown = {
            "state": state_of(self._board),
            "played": played,
            "side": self.side,
            "opponent": self._player.name if self._player is not None else "",
            "thinking": self._thinking,
            "trouble": self._trouble,
            "can_undo": self._can_undo,
        }
        if self._view is not None:
            self._view.game = self.shown

    def receive(self, content: Any) -> None:
        """Does what somebody at the board wants. What is not possible any more changes nothing."""
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "undo":
            self.undo()
        elif kind == "new" and content.get("side") in (*get_args(Side), None):
            self.new_game(content.get("side"))
        elif kind == "action" and content.get("action") in ACTION_IDS:
            try:
                self.push(content["action"])
            except IllegalActionError:
                self._show(None)


@cache
def _view_class() -> Any:
    """The class of the widget. Its package is optional, and takes a second to be imported."""
    import anywidget
    import traitlets

    traits = {
        "cells": traitlets.List().tag(sync=True),
        "mode": traitlets.Unicode().tag(sync=True),
        "game": traitlets.Dict().tag(sync=True),
    }
    content = {"_esm": widget_module(), "_css": style_sheet(), "__module__": __name__, **traits}
    return type("BoardView", (anywidget.AnyWidget,), content)


def style_sheet() -> str:
    """What the board and the widget look like."""
    return "\n".join(
        (_PAGES / "css" / name).read_text(encoding="utf-8") for name in ("board.css", "widget.css")
    )


@cache
def widget_module() -> str:
    """The module of the widget: a loader, with the page's modules in it, each after those that it imports."""
    modules: dict[str, str] = {}
    _add_module("widget.js", modules)
    return f"const MODULES = {json.dumps(list(modules.items()))};\n{_LOADER}"


def _add_module(path: str, modules: dict[str, str]) -> None:
    """Adds a module of the page, and before it what it imports, by its path in the folder `js`."""
    if path in modules:
        return
    source = (_PAGES / "js" / path).read_text(encoding="utf-8")

    def whole(name: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))

    for name in _IMPORT.findall(source):
        _add_module(whole(name), modules)
    modules[path] = _IMPORT.sub(lambda found: f' from "module:{whole(found[1])}"', source)
