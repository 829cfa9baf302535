"""What a search has found so far, as people and programs read it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from pylos.analysis.rows import Row, searched_rows
from pylos.game.notation import join_turns
from pylos.search.findings import Findings, room_for_findings
from pylos.search.pool import SearchPool

LINE_TURNS = 8
"""The most turns of a line."""
_LINE_ACTIONS = 3 * LINE_TURNS


class Report(NamedTuple):
    """What a search has found after some of its simulations. It is made of arrays, and of rows when they are read."""

    simulations: int
    """How many it has made."""
    done: bool
    """Whether it has ended: it is the last report."""
    value: float
    """What the position is worth to the player to move, from -1 to 1; exactly 1 or -1 where it is proven."""
    findings: Findings
    """What this search has found, and others that were read together with it."""
    place: int
    """Which of these searches it is."""
    error: str | None = None
    """Why the search failed; then it is the last report, and nothing else in it has a meaning."""

    @property
    def part(self) -> slice:
        """Where the actions of this search are in the findings."""
        return self.findings.part(self.place)

    @property
    def rows(self) -> list[Row]:
        """The legal actions, the best first; none if the game is over. Exact values are not in them."""
        return searched_rows(self.findings, self.place)

    @property
    def lines(self) -> list[list[str]]:
        """For each row the turns that the search expects, the first of which begins with the row's action."""
        part, found = self.part, self.findings
        arrays = (found.lines, found.pending, found.lengths)
        return [_turns(*line) for line in zip(*(array[part].tolist() for array in arrays), strict=True)]


class Reports(NamedTuple):
    """What R searches have found that were read together."""

    findings: Findings
    """What they have found."""
    simulations: np.ndarray
    """int32 [R] how many they have made."""
    done: np.ndarray
    """bool [R] whether they have ended."""
    error: str | None = None
    """Why they failed, if they did; then only `done` has a meaning."""

    def one(self, place: int) -> Report:
        """The report of one of them."""
        simulations, done = int(self.simulations[place]), bool(self.done[place])
        value = float(self.findings.values[place])
        return Report(simulations, done, value, self.findings, place, self.error)

    def alone(self, place: int, order: np.ndarray) -> Reports:
        """One of them alone, its actions in another order: that of their places in it, int64 [n]."""
        part = slice(place, place + 1)
        return Reports(self.findings.one(place, order), self.simulations[part], self.done[part], self.error)


def read_reports(pool: SearchPool, rows: list[int], finished: Collection[int]) -> Reports:
    """Reads reports from evaluated searches.

    Args:
        pool: where they are.
        rows: of the searches.
        finished: those of which this is the last report.
    """
    done = np.array([row in finished for row in rows], np.bool_)
    return Reports(pool.findings(rows, _LINE_ACTIONS), pool.simulations(rows), done)


def failed_reports(searches: int, error: str) -> Reports:
    """The last reports of searches that failed."""
    nothing = room_for_findings(np.zeros(searches + 1, np.int64), _LINE_ACTIONS)
    nothing.values[:] = 0
    return Reports(nothing, np.zeros(searches, np.int32), np.ones(searches, np.bool_), error)


def _turns(actions: list[int], pending: list[int], length: int) -> list[str]:
    """A line as turns, see `Findings`. A last turn that the search does not know whole is left out."""
    turns = join_turns(zip(pending, actions[:length], strict=False))
    if pending[length] and len(turns) > 1:
        turns.pop()
    return turns[:LINE_TURNS]
