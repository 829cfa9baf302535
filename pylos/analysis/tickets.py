"""A search that was asked for: what is asked, and when it reports."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pylos.analysis.agents import Agent
from pylos.analysis.reports import Reports
from pylos.errors import ConfigurationError
from pylos.search.own_root import ROOTS
from pylos.system.options import Range, checked_options, shown

MOST_SIMULATIONS = 20_000
"""The most simulations of a search."""
FIRST_REPORT = 64
"""Simulations before the first report with a search behind it; the next ones come at the doubles of it."""
REPORT_SECONDS = 0.5
"""The longest time between two reports of a search."""
_SIMULATIONS = Range(int, 0, MOST_SIMULATIONS)


@dataclass(slots=True, eq=False)
class SearchRequest:
    """What is asked of a search. It is not changed; but a frozen one takes three times as long to make.

    Raises:
        ConfigurationError: a number is out of its range, or there is no such root policy.
    """

    position: int
    """Packed; a position that can occur by the rules of the agent."""
    agent: Agent
    """Judges the leaves."""
    simulations: int
    """How many to make at most; 0 asks for the judgement of the position alone."""
    root: str | None = None
    """The root policy: "gumbel", for which this number of simulations is the plan, or "puct"; None: as suits the
    agent."""
    reports: bool = False
    """Whether to report at once, after 64 simulations, at the doubles of that and at least twice a second. Else there
    is one report, at the end."""
    report_every: int = 0
    """If not 0: report at the multiples of this number of simulations, and not at the times above."""
    earlier: Sequence[int] | np.ndarray = ()
    """The packed positions that came before in the game, as far as they are known: repetitions of them are draws."""
    note: Any = None
    """What who asks wants to find with the ticket."""

    def __post_init__(self) -> None:
        if self.simulations not in _SIMULATIONS or self.report_every not in _SIMULATIONS:
            numbers = {"simulations": self.simulations, "report_every": self.report_every}
            for name, value in checked_options(numbers, dict.fromkeys(numbers, _SIMULATIONS)).items():
                setattr(self, name, value)
        if self.root is not None and self.root not in ROOTS:
            raise ConfigurationError(f"root must be {' or '.join(ROOTS)}, got {shown(self.root)}")


class Ticket:
    """A search that was asked for. It is over after its last report, or when it is cancelled.

    Args:
        request: what is asked.
        take: takes the reports.
        owner: who searches.
    """

    def __init__(self, request: SearchRequest, take: Take, owner: Owner) -> None:
        self.request, self.take, self._owner = request, take, owner
        self.is_over = False
        """Whether there will be no more reports. Only the owner sets it."""
        self._next_simulations = self._next_seconds = 0.0

    def cancel(self) -> None:
        """Ends the search. There are no more reports when this returns, and soon no more simulations."""
        self._owner.cancel(self)

    @property
    def streams(self) -> bool:
        """Whether it may report before the search is finished."""
        return self.request.reports or self.request.report_every > 0

    def wants_report(self, simulations: int) -> bool:
        """Whether it is time for a report, not the last one, after a number of simulations."""
        request = self.request
        if request.report_every:
            return simulations > 0 and simulations % request.report_every == 0
        if not request.reports:
            return False
        now = time.monotonic()
        if simulations < self._next_simulations and now < self._next_seconds:
            return False
        if simulations >= self._next_simulations:
            self._next_simulations = max(FIRST_REPORT, 2 * simulations)
        self._next_seconds = now + REPORT_SECONDS
        return True


Take = Callable[[dict[int, Ticket], Reports], None]
"""Takes the reports of its tickets that were made together. They are known by their places in the reports."""


class Owner(Protocol):
    """Who searches for tickets."""

    def cancel(self, ticket: Ticket) -> None:
        """Ends a search: see `Ticket.cancel`."""
