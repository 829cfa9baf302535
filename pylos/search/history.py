"""The earlier positions of games, which a search counts as repetitions when it meets them again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class History(NamedTuple):
    """The earlier positions of n games, each in a row. The position that is searched is not among them."""

    positions: np.ndarray
    """int64 [n, H] packed positions."""
    counts: np.ndarray
    """int64 [n] how many they are: the first `counts[g]` of row g."""

    def rows(self, rows: slice | np.ndarray) -> History:
        """The history of some of the games; with a slice in the same memory."""
        return History(self.positions[rows], self.counts[rows])


def no_history(games: int) -> History:
    """The history of games of which nothing is known."""
    return History(np.zeros((games, 0), np.int64), np.zeros(games, np.int64))
