"""`predict`: the boards that it is given, in a file or in memory, and what a network without search says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from pylos.errors import ConfigurationError, PositionError, RulesError
from pylos.game.actions import action_name
from pylos.game.board import Board, as_positions
from pylos.game.rules import rules_code
from pylos.network.evaluator import NetworkEvaluator
from pylos.search.softmax import legal_policy
from pylos.system.files import read_text


def read_boards(path: str, rules: str) -> list[Board]:
    """Reads positions from a file, one a line. Empty lines and lines that begin with # do not count.

    Raises:
        ConfigurationError: the file cannot be read, or there is no position in it.
        PositionError: a line holds something else.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except OSError as error:
        raise ConfigurationError(f"no positions in {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"no positions in {path}: it is no UTF-8 text") from error
    boards = []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            try:
                boards.append(Board.from_text(line, rules=rules))
            except PositionError as error:
                raise PositionError(f"{path}, line {number}: {error}") from None
    if not boards:
        raise ConfigurationError(f"there is no position in {path}")
    return boards


def as_boards(given: Any, rules: str) -> list[Board]:
    """Boards from boards, position texts or packed positions.

    Args:
        given: one of these, a sequence of them, or an array of packed positions.
        rules: the rule set of the boards.

    Raises:
        PositionError: something is none of these, or a position that cannot occur.
        RulesError: a board is of other rules.
    """
    if isinstance(given, torch.Tensor | np.ndarray):
        given = given.tolist()
    return [_as_board(item, rules) for item in (given if isinstance(given, list | tuple) else [given])]


def _as_board(given: Any, rules: str) -> Board:
    if isinstance(given, Board):
        if given.rules != rules:
            raise RulesError(f"the network plays {rules!r} rules, the board is {given.rules!r}")
        return given
    if isinstance(given, str):
        return Board.from_text(given, rules)
    if hasattr(given, "__index__"):
        return Board.from_position(given, rules)
    raise PositionError(f"no board, position text or packed position: {given!r}")


def single_batch(boards: list[Board]) -> DataLoader[list[Board]]:
    """A loader of one batch, as Lightning needs it: it would take a plain list for a list of loaders."""
    dataset: Any = [boards]  # a list is a dataset, though its type does not say so
    return DataLoader(dataset, batch_size=None, collate_fn=None)


def judge(boards: list[Board], network: nn.Module, rules: str, device: torch.device) -> list[dict[str, Any]]:
    """Judges boards by the network alone.

    Returns:
        For each board `position`, its text; `value`, that of the network for the player to move; and `policy`, the
        probabilities of the legal actions by name, the likeliest first.

    Raises:
        NonFiniteNetworkError: a value or a policy is infinite or not a number.
    """
    evaluate = NetworkEvaluator(network, rules_code(rules), device, "float32")
    values, log_policy = evaluate(as_positions(boards))
    return [
        {"position": board.text, "value": float(value), "policy": _named_policy(board, row)}
        for board, value, row in zip(boards, values, log_policy, strict=True)
    ]


def _named_policy(board: Board, log_policy: np.ndarray) -> dict[str, float]:
    """The policy over the legal actions of a board, the likeliest first."""
    actions = board.legal_actions
    names = [action_name(int(action), board.pending) for action in actions]
    policy = dict(zip(names, legal_policy(log_policy, actions).tolist(), strict=True))
    return dict(sorted(policy.items(), key=lambda item: -item[1]))
