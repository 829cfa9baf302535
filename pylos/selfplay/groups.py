"""Games of self-play that are searched at the same time, and the time that their searches take."""

from __future__ import annotations

import math
import time

import numpy as np

from pylos.search.search import BatchSearch, SearchResult
from pylos.selfplay.games import GamesInFlight


class Group:
    """Games that are searched at the same time."""

    def __init__(self, games: GamesInFlight, search: BatchSearch) -> None:
        size = len(games.ply)
        self.games = games
        self.search = search
        self.positions, self.keys = np.empty(size, np.int64), np.empty(size, np.int64)
        self.endings = np.zeros(size, np.int8)
        self.started: float | None = None
        """When the search that is in flight was started; None if none is."""


class SearchTimes:
    """For how long searches were at work, and for how long this thread waited for them, in seconds."""

    def __init__(self) -> None:
        self.searching = self.waiting = 0.0
        self._ended = -math.inf

    def finish(self, group: Group) -> SearchResult:
        """Finishes the search of a group.

        It counts as finished from the beginning, so that an interrupt never searches on the host a second time. On a
        device an interrupt may leave it at work. That harms nothing: the next search there waits for it first, as
        does whoever changes the network, and begins with the same positions and keys.
        """
        assert group.started is not None
        started, called = group.started, time.perf_counter()
        group.started = None
        found = group.search.finish()
        now = time.perf_counter()
        self.waiting += now - called
        ended = min(started + group.search.seconds, now)
        # Several may have been at work at the same time.
        self.searching += max(ended - max(started, self._ended), 0.0)
        self._ended = max(ended, self._ended)
        return found


def rows_of(games: GamesInFlight, rows: slice) -> GamesInFlight:
    """Some of the games, in the same memory."""
    return GamesInFlight(*(array[rows] for array in games))
