"""What a network, without search, thinks of boards, however these are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from pylos.errors import PositionError, RulesError
from pylos.game.actions import action_name
from pylos.game.board import Board, as_positions
from pylos.game.rules import rules_code
from pylos.network.evaluator import NetworkEvaluator
from pylos.search.softmax import legal_policy


def as_boards(given: Any, rules: str) -> list[Board]:
    """Boards from boards, position texts or packed positions: one of them, a sequence, or an array of the last.

    Raises:
        PositionError: something is none of these, or a position that cannot occur.
        RulesError: a board is of other rules.
    """
    if isinstance(given, torch.Tensor | np.ndarray):
        given = given.tolist()
    return [_board(item, rules) for item in (given if isinstance(given, list | tuple) else [given])]


def _board(given: Any, rules: str) -> Board:
    if isinstance(given, Board):
        if given.rules != rules:
            raise RulesError(f"the network plays {rules!r} rules, the board is {given.rules!r}")
        return given
    if isinstance(given, str):
        return Board.from_text(given, rules)
    if hasattr(given, "__index__"):
        return Board.from_position(given, rules)
    raise PositionError(f"no board, position text or packed position: {given!r}")


def judge(boards: list[Board], network: nn.Module, rules: str, device: torch.device) -> list[dict[str, Any]]:
    """Judges boards.

    Returns:
        For each board its text, the network's value for the player to move, and the legal actions by
        name with their probabilities, likeliest first.

    Raises:
        NonFiniteNetworkError: the network says nothing finite.
    """
    evaluate = NetworkEvaluator(network, rules_code(rules), device, "float32")
    values, log_policy = evaluate(as_positions(boards))
    return [
        {"position": board.text, "value": float(value), "policy": _named_policy(board, row)}
        for board, value, row in zip(boards, values, log_policy, strict=True)
    ]


def _named_policy(board: Board, log_policy: np.ndarray) -> dict[str, float]:
    """The policy over the legal actions of a board, likeliest first."""
    actions = board.legal_actions
    names = [action_name(int(action), board.pending) for action in actions]
    policy = dict(zip(names, legal_policy(log_policy, actions).tolist(), strict=True))
    return dict(sorted(policy.items(), key=lambda item: -item[1]))
