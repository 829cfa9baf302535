"""The earlier positions of games, which a search counts as repetitions when it meets them again."""

from __future__ import annotations

from collections.abc import Sequence
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


def history_of(games: Sequence[Sequence[int] | np.ndarray]) -> History:
    """The history of games whose earlier positions are given one by one, such as `board.positions[:-1]`."""
    counts = np.array([len(game) for game in games], np.int64)
    history = History(np.zeros((len(games), max(counts, default=0)), np.int64), counts)
    for row, game in zip(history.positions, games, strict=True):
        row[: len(game)] = game
    return history


def checked_history(history: History | None, games: int) -> History:
    """The history of games; that of games of which nothing is known where there is none.

    Raises:
        ValueError: it is one of another number of games, or has fewer positions than it says.
    """
    if history is None:
        return no_history(games)
    for rows in history:
        if len(rows) != games:
            raise ValueError(f"the history is one of {len(rows)} games, not of {games}")
    if (longest := int(history.counts.max(initial=0))) > (room := history.positions.shape[1]):
        raise ValueError(f"the history says that there are {longest} earlier positions, and has {room}")
    return history


def no_history(games: int) -> History:
    """The history of games of which nothing is known."""
    return History(np.zeros((games, 0), np.int64), np.zeros(games, np.int64))
