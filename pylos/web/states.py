"""Games as the page sends them, and positions as it shows them. No rule of the game lives in the page."""

from __future__ import annotations

from typing import Any, NamedTuple

from pylos.errors import PositionError
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.position import NUM_CELLS
from pylos.game.rules import ACTION_SOURCE, ACTION_TARGET, STOP, occupied_cells, rules_code, supported_cells

MOST_ACTIONS = 1000
"""The longest game that is taken."""


class Game(NamedTuple):
    """What the page sends: where a game began, and its actions."""

    rules: str
    start: str | None
    """A position text; None is the empty board."""
    actions: list[int]


def read_game(value: Any) -> Game:
    """Checks a game of a request.

    Raises:
        PositionError: it is no game.
    """
    if not isinstance(value, dict) or not isinstance(value.get("rules"), str):
        raise PositionError('a game is {"rules": ..., "start": null or a position, "actions": [...]}')
    start, actions = value.get("start"), value.get("actions", [])
    if not (start is None or isinstance(start, str)):
        raise PositionError("the start of a game is null or the text of a position")
    if not isinstance(actions, list) or not all(type(action) is int for action in actions):
        raise PositionError("the actions of a game are a list of numbers")
    if len(actions) > MOST_ACTIONS:
        raise PositionError(f"a game may have {MOST_ACTIONS} actions, not {len(actions)}")
    return Game(value["rules"], start, actions)


def start_board(game: Game) -> Board:
    """The board on which a game begins."""
    return Board(game.rules) if game.start is None else Board.from_text(game.start, game.rules)


def state_of(board: Board) -> dict[str, Any]:
    """All that the page needs to know about a position."""
    text = board.text
    occupied = occupied_cells(board.position, rules_code(board.rules))
    return {
        "rules": board.rules,
        "text": text,
        "cells": text.split()[0].replace("/", ""),
        "turn": board.turn,
        "pending": board.pending,
        "reserves": board.reserves._asdict(),
        "supported": [c for c in range(NUM_CELLS) if supported_cells(occupied) >> c & 1],
        "legal": [legal_entry(int(action), board.pending) for action in board.legal_actions],
        "ply": len(board.actions),
        "over": None,
        "last": list(board.last_cells),
        "say": str(board).splitlines()[-1].split(";")[0],
    }


def legal_entry(action: int, pending: int) -> dict[str, Any]:
    """An action as the page shows it."""
    source, target = int(ACTION_SOURCE[action]), int(ACTION_TARGET[action])
    if pending and action == STOP:
        kind, source, target = "stop", -1, -1
    elif pending:
        kind, target = "take", -1
    else:
        kind = "place" if source < 0 else "raise"
    name = action_name(action, pending)
    return {
        "action": action,
        "name": name,
        "kind": kind,
        "source": None if source < 0 else source,
        "target": None if target < 0 else target,
    }
