"""A player that searches."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from pylos.kernels.randomness import draw, draw_keys
from pylos.players.player import KeyedPlayer
from pylos.search.evaluator import Evaluator
from pylos.search.history import History
from pylos.search.options import SearchOptions
from pylos.search.root import pick_actions
from pylos.search.search import Search

ROWS = 256
"""Boards that a player searches at the same time, unless it says otherwise."""


class SearchPlayer(KeyedPlayer):
    """Searches and plays the action of the greatest weight; chance decides between equals.

    Args:
        name: what matches call it.
        rules: name of the rule set.
        options: how it searches.
        threads: threads that search.
        key: names its random stream.
        rows: boards that it searches at the same time. It searches more of them in several rounds.
    """

    def __init__(
        self, name: str, rules: str, options: SearchOptions, threads: int, key: int = 0, rows: int = ROWS
    ) -> None:
        super().__init__(name, rules, key)
        self._options = options
        self._threads = threads
        self._rows = rows
        self._search = Search(1, self._code, options)

    @abstractmethod
    def _evaluator(self, key: int) -> Evaluator:
        """What judges the leaves of all searches of one decision."""

    def search(self, positions: np.ndarray, history: History, key: int) -> tuple[np.ndarray, np.ndarray]:
        """Searches positions.

        Args:
            positions: int64 [B] packed positions, B at least 1, none of them the end of a game.
            history: of the B games.
            key: of all that is random in it.

        Returns:
            The actions with a weight and their weights, int16 [B, K] each, as in `SearchResult`. A player that does
            not search gives probabilities, float32.
        """
        evaluate, keys = self._evaluator(draw(key, 0)), _keys(key, len(positions))
        actions = np.empty((len(positions), self._options.width), np.int16)
        weights = np.empty_like(actions)
        for first in range(0, len(positions), self._rows):
            rows = slice(first, first + self._rows)
            part = positions[rows]
            found = self._search_for(len(part)).run(part, evaluate, keys[rows], history.rows(rows))
            actions[rows], weights[rows] = found.actions, found.weights
        return actions, weights

    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        actions, weights = self.search(positions, history, key)
        greedy = np.ones(len(positions), np.bool_)
        return pick_actions(actions, weights, _keys(key, len(positions)), greedy)

    def _search_for(self, boards: int) -> Search:
        """A search with room for a number of boards. It grows on demand: who plays single games needs little memory."""
        if boards > self._search.games:
            games = min(2 * boards, self._rows)
            self._search = Search(games, self._code, self._options, self._threads)
        return self._search


def _keys(key: int, boards: int) -> np.ndarray:
    """The keys of the boards [B] in a decision: of what is random in their searches and in the choice that follows."""
    return draw_keys(draw(key, 1), boards)
