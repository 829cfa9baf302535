"""A player that searches."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from pylos.kernels.randomness import draw, draw_keys
from pylos.players.player import KeyedPlayer
from pylos.search.evaluator import Evaluator
from pylos.search.options import SearchOptions
from pylos.search.search import Search

MAX_ROWS = 256
"""Boards that a player searches at the same time; with more it makes several rounds."""


class SearchPlayer(KeyedPlayer):
    """Searches and plays the action of the greatest weight; chance decides between equals.

    Args:
        name: how matches call it.
        rules: name of the rule set.
        options: how it searches.
        threads: threads that search.
        key: names its random stream.
    """

    def __init__(self, name: str, rules: str, options: SearchOptions, threads: int, key: int = 0) -> None:
        super().__init__(name, rules, key)
        self._options = options
        self._threads = threads
        self._search = Search(1, self._code, self._options)

    _max_rows = MAX_ROWS

    @abstractmethod
    def _evaluator(self, key: int) -> Evaluator:
        """What judges the leaves of the searches of one decision."""

    def _choose(self, positions: np.ndarray, key: int) -> np.ndarray:
        evaluate = self._evaluator(draw(key, 0))
        keys = draw_keys(draw(key, 1), len(positions))
        actions = np.empty(len(positions), np.int64)
        for first in range(0, len(positions), self._max_rows):
            rows = slice(first, first + self._max_rows)
            part = positions[rows]
            actions[rows] = self._room(len(part)).choose(part, evaluate, keys[rows])
        return actions

    def _room(self, boards: int) -> Search:
        """A search with room for so many boards; a player of single games needs little."""
        if boards > self._search.games:
            rows = min(2 * boards, self._max_rows)
            self._search = Search(rows, self._code, self._options, self._threads)
        return self._search
