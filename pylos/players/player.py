"""What a player is: everything that can choose an action, for many boards at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import index
from typing import Protocol

import numpy as np

from pylos.errors import PositionError, RulesError
from pylos.game.board import Board, as_positions
from pylos.game.rules import is_over, rules_code
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw

Boards = Sequence[Board] | np.ndarray
"""Boards, or their packed positions as int64 [B]. None of them may be the end of a game."""


class Player(Protocol):
    """What can take part in a match. One with an attribute ``rules`` does so under these rules alone."""

    name: str

    def reset(self, key: int) -> None:
        """Starts the player's random stream anew; ``key`` names it."""

    def choose(self, boards: Boards) -> np.ndarray:
        """Chooses an action on every board.

        Returns:
            int64 [B] legal action ids.
        """


class KeyedPlayer(ABC):
    """The common part of our players: checks the boards and keys every decision.

    Args:
        name: how matches call it.
        rules: name of the rule set.
        key: names its random stream.
    """

    def __init__(self, name: str, rules: str, key: int = 0) -> None:
        self.name = name
        self.rules = rules
        self._code = rules_code(rules)
        self.reset(key)

    def reset(self, key: int) -> None:
        """See ``Player``."""
        self._key, self._decisions = int(index(key)), 0

    def choose(self, boards: Boards) -> np.ndarray:
        """See ``Player``.

        Raises:
            RulesError: a board is of other rules than the player's; packed positions do not tell.
            PositionError: a board is the end of a game, or an array does not hold packed positions [B].
        """
        if not isinstance(boards, np.ndarray):
            for board in boards:
                if board.rules != self.rules:
                    raise RulesError(f"{self.name} plays {self.rules!r} rules, the board is {board.rules!r}")
        positions = as_positions(boards)
        if (finished := _first_finished(positions, self._code)) >= 0:
            raise PositionError(
                f"{self.name} has nothing to choose: the game on board {finished + 1} of {len(positions)} is over"
            )
        key = draw(self._key, self._decisions)
        self._decisions += 1
        return self._choose(positions, key) if len(positions) else np.empty(0, np.int64)

    @abstractmethod
    def _choose(self, positions: np.ndarray, key: int) -> np.ndarray:
        """The actions [B] for positions [B], with ``key`` for whatever is random in them."""


@jit
def _first_finished(positions: np.ndarray, code: int) -> int:
    """The first of the positions in which the game is over, or -1."""
    for i in range(positions.shape[0]):
        if is_over(positions[i], code):
            return i
    return -1
