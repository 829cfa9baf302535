"""Games as the page sends them, and positions as it shows them. No rule of the game lives in the page."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pylos.errors import PositionError
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.outcome import outcome_on, play_on
from pylos.game.record import MOST_ACTIONS
from pylos.game.rules import ACTION_SOURCE, ACTION_TARGET, NUM_ACTIONS, STOP, rules_code
from pylos.system.options import Range

LONGEST_POSITION = 100
"""Characters; the text of a position has 37, and may have more blanks."""
ACTION_IDS = Range(int, 0, NUM_ACTIONS - 1)
LONGEST_TURN = 3
"""Actions: one, and two balls that are taken back."""


class Game(NamedTuple):
    """What the page sends: where a game began, and its actions."""

    rules: str
    start: str | None
    """A position text; None is the empty board."""
    actions: list[int]


def read_game(value: Any) -> Game:
    """Checks a game of a request. Whether its actions are legal is found when it is replayed.

    Raises:
        PositionError: it is no game.
        RulesError: there is no such rule set.
    """
    if not isinstance(value, dict) or not isinstance(value.get("rules"), str):
        raise PositionError('a game is {"rules": ..., "start": null or a position, "actions": [...]}')
    rules_code(value["rules"])
    start, actions = value.get("start"), value.get("actions", [])
    if not (start is None or (isinstance(start, str) and len(start) <= LONGEST_POSITION)):
        raise PositionError("the start of a game is null or the text of a position")
    if not isinstance(actions, list) or not all(action in ACTION_IDS for action in actions):
        raise PositionError(f"the actions of a game are a list of numbers, each {ACTION_IDS}")
    if len(actions) > MOST_ACTIONS:
        raise PositionError(f"a game may have {MOST_ACTIONS} actions, not {len(actions)}")
    return Game(value["rules"], start, actions)


def start_board(game: Game) -> Board:
    """The board on which a game begins."""
    return Board(game.rules) if game.start is None else Board.from_text(game.start, game.rules)


def replay(game: Game) -> Board:
    """The board after all actions of a game.

    Raises:
        PositionError: its start cannot be read or cannot occur.
        IllegalActionError: an action is not legal, or follows the end of the game.
    """
    board = start_board(game)
    for action in game.actions:
        play_on(board, action)
    return board


def play_turns(board: Board, actions: list[int]) -> list[dict[str, Any]]:
    """Plays actions on a board.

    Returns:
        The turns that they make, as the page shows them. The first may go on with one that is begun on the board.

    Raises:
        IllegalActionError: an action is not legal, or follows the end of the game.
    """
    turns: list[dict[str, Any]] = []
    for action in actions:
        side, begins = board.turn, not board.pending
        play_on(board, action)
        if begins or not turns:
            turns.append({"by": side, "actions": [], "states": []})
        turn = turns[-1]
        state = state_of(board)
        turn["actions"].append(action)
        turn["states"].append(state)
        turn |= {"complete": board.turn != side or state["over"] is not None, "state": state}
    for turn, name in zip(turns[::-1], board.turns[::-1], strict=False):
        turn["turn"] = name
    return turns


def state_of(board: Board) -> dict[str, Any]:
    """All that the page needs to know about a position, as the interface describes it."""
    text, outcome = board.text, outcome_on(board)
    over = None
    if outcome is not None:
        over = {"winner": outcome.winner, "reason": outcome.reason, "text": outcome.text}
    legal = [] if over else board.legal_actions.tolist()
    return {
        "rules": board.rules,
        "text": text,
        "cells": text.split()[0].replace("/", ""),
        "turn": board.turn,
        "pending": board.pending,
        "reserves": board.reserves._asdict(),
        "supported": list(board.supported_cells),
        "legal": [legal_entry(action, board.pending > 0) for action in legal],
        "ply": len(board.actions),
        "over": over,
        "last": list(board.last_cells),
        "say": over["text"] if over else _who_acts(board),
    }


def _who_acts(board: Board) -> str:
    side = board.turn.capitalize()
    if not board.pending:
        return f"{side} to move"
    return f"{side} to take back {'a ball' if board.pending == 2 else 'another ball or stop'}"


@cache
def legal_entry(action: int, pending: bool) -> dict[str, Any]:
    """An action as the page shows it.

    Args:
        action: its id.
        pending: whether a take-back is pending in the position.
    """
    source, target = int(ACTION_SOURCE[action]), int(ACTION_TARGET[action])
    if pending and action == STOP:
        kind, source, target = "stop", -1, -1
    elif pending:
        kind, target = "take", -1
    else:
        kind = "place" if source < 0 else "raise"
    return {
        "action": action,
        "name": action_name(action, int(pending)),
        "kind": kind,
        "source": None if source < 0 else source,
        "target": None if target < 0 else target,
    }
