"""What a search has found so far, as people and programs read it."""

from __future__ import annotations

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


def read_reports(pool: SearchPool, rows: list[int], finished: set[int]) -> list[Report]:
    """Reads reports from evaluated searches.

    Args:
        pool: where they are.
        rows: of the searches.
        finished: those of which this is the last report.
    """
    findings, made = pool.findings(rows, _LINE_ACTIONS), pool.simulations(rows)
    facts = zip(made, rows, findings.values.tolist(), strict=True)
    return [
        Report(simulations, row in finished, value, findings, place)
        for place, (simulations, row, value) in enumerate(facts)
    ]


def failed_report(error: str) -> Report:
    """The last report of a search that failed."""
    return Report(0, True, 0.0, _NOTHING, 0, error)


_NOTHING = room_for_findings(np.zeros(2, np.int64), _LINE_ACTIONS)
"""The findings of a search that failed."""


def _turns(actions: list[int], pending: list[int], length: int) -> list[str]:
    """A line as turns, see `Findings`. A last turn that the search does not know whole is left out."""
    turns = join_turns(zip(pending, actions[:length], strict=False))
    if pending[length] and len(turns) > 1:
        turns.pop()
    return turns[:LINE_TURNS]
