"""What a player is: everything that can choose an action, for many boards at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import signature
from operator import index
from typing import Any, Protocol

import numpy as np

from pylos.errors import PositionError, RulesError
from pylos.game.board import Board, as_positions
from pylos.game.rules import is_over, rules_code
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw
from pylos.search.history import History, checked_history, history_of

Boards = Sequence[Board] | np.ndarray
"""Boards, or their packed positions as int64 [B]. None of them may be the end of a game."""


class Player(Protocol):
    """What can take part in a match. A player with an attribute `rules` plays by these rules alone.

    A player whose `choose` has an argument `history`, too, gets the earlier positions of the games: a `History`.
    """

    name: str

    def reset(self, key: int) -> None:
        """Starts the random stream that `key` names, from its beginning."""

    def choose(self, boards: Boards) -> np.ndarray:
        """Chooses an action on every board.

        Returns:
            int64 [B] legal action ids.
        """


def choose_in_games(player: Player, boards: Boards, history: History) -> np.ndarray:
    """Lets a player choose, and tells it the history of the games if it takes that, see `Player`."""
    choose: Any = player.choose
    chosen: np.ndarray = choose(boards, history=history) if _takes_history(choose) else choose(boards)
    return chosen


def _takes_history(choose: Any) -> bool:
    try:
        return "history" in signature(choose).parameters
    except (TypeError, ValueError):  # compiled by others, it does not say
        return False


class KeyedPlayer(ABC):
    """The common part of our players: it checks the boards and gives every decision a random key.

    Args:
        name: what matches call it.
        rules: name of the rule set.
        key: names its random stream.
    """

    def __init__(self, name: str, rules: str, key: int = 0) -> None:
        self.name = name
        self.rules = rules
        self._code = rules_code(rules)
        self._key = 0
        self._decisions = 0
        """Since the last `reset`."""
        self.reset(key)

    def reset(self, key: int) -> None:
        """See `Player`."""
        self._key, self._decisions = int(index(key)), 0

    def choose(self, boards: Boards, history: History | None = None) -> np.ndarray:
        """See `Player`.

        Args:
            boards: see `Player`.
            history: of the games. If it is not given, boards know their own, and packed positions have none.

        Raises:
            RulesError: a board is of other rules than the player's. Packed positions do not say their rules.
            PositionError: a board is the end of a game, or an array does not hold packed positions [B].
            ValueError: the history is not one of B games.
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
        if history is None and not isinstance(boards, np.ndarray):
            history = history_of([board.positions[:-1] for board in boards])
        history = checked_history(history, len(positions))
        key = draw(self._key, self._decisions)
        self._decisions += 1
        return self._choose(positions, history, key) if len(positions) else np.empty(0, np.int64)

    @abstractmethod
    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        """Chooses an action in each position.

        Args:
            positions: int64 [B] packed positions, B at least 1.
            history: of the B games.
            key: of all that is random in this decision.

        Returns:
            int64 [B] legal action ids.
        """


@jit
def _first_finished(positions: np.ndarray, code: int) -> int:
    """The number of the first position in which the game is over; -1 if there is none."""
    for i in range(positions.shape[0]):
        if is_over(positions[i], code):
            return i
    return -1
