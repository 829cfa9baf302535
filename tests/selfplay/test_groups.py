"""What the searches of groups take; how groups are played is tested in `test_play.py`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pylos.selfplay.games import GamesInFlight
from pylos.selfplay.groups import SearchTimes, rows_of


def test_times_of_searches_that_overlap_count_once():
    class Found:
        seconds = 2.0

        def finish(self):
            return clock.pop(0)

    times = SearchTimes()
    clock: list = [None, None]
    now = iter([10.0, 10.5, 11.0, 11.0])  # before and after each `finish`
    group: Any = SimpleNamespace(search=Found(), started=9.0)
    other: Any = SimpleNamespace(search=Found(), started=9.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pylos.selfplay.groups.time.perf_counter", lambda: next(now))
        times.finish(group)
        times.finish(other)
    assert (times.searching, times.waiting) == (2.0, 0.5)  # from 9.0 to 10.5, and to 11.0
    assert group.started is other.started is None


def test_rows_of_games_are_the_same_memory():
    games = GamesInFlight(*(np.zeros((4, 2), np.int64) for _ in GamesInFlight._fields))
    rows_of(games, slice(1, 3)).ply[:] = 7
    assert games.ply[:, 0].tolist() == [0, 7, 7, 0]
    assert not games.number.any()
