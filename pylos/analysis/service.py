"""All searches of a process: asked for one by one, at any time, and searched in batches.

Who asks gets a `Ticket` at once and reports later. One `Worker` makes all simulations, so that an evaluation serves
every search that is open. More workers make more simulations where there are cores for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from queue import SimpleQueue

from pylos.analysis.agents import Agent, load_agent
from pylos.analysis.reports import Report, Reports
from pylos.analysis.tickets import SearchRequest, Take, Ticket
from pylos.analysis.worker import Worker
from pylos.errors import BusyError, PylosError
from pylos.game.position import START
from pylos.network.threads import single_threaded_torch

__all__ = ["Agent", "Report", "Reports", "SearchRequest", "SearchService", "Ticket", "load_agent"]

MOST_OPEN = 512
"""By default, the most searches that are open at the same time."""


class SearchService:
    """Searches in the background.

    Args:
        most_open: the most searches that are open at the same time, those that wait for others included.
        threads: threads that search.
    """

    def __init__(self, most_open: int = MOST_OPEN, threads: int = 1) -> None:
        self._most_open = most_open
        self._lock = threading.Lock()
        self._until_closed = ExitStack()
        self._until_closed.enter_context(single_threaded_torch())
        self._workers = [Worker() for _ in range(threads)]

    @property
    def open(self) -> int:
        """How many searches are open."""
        return sum(worker.open for worker in self._workers)

    def submit(self, request: SearchRequest, on_report: Callable[[Report], None]) -> Ticket:
        """Begins a search.

        Without noise, a search that is "gumbel" finds what `Search` finds for its position, to the last bit.

        Args:
            request: what is asked.
            on_report: takes the reports; the last one is `done`. It is called from the thread that searches, so it
                must not wait for anything.

        Returns:
            The ticket of the search, by which it can be cancelled.

        Raises:
            BusyError: too many searches are open.
        """

        def take(tickets: dict[int, Ticket], reports: Reports) -> None:
            for place in tickets:
                on_report(reports.one(place))

        return self.submit_all([request], take)[0]

    def submit_all(self, requests: Sequence[SearchRequest], take: Take) -> list[Ticket]:
        """Begins searches, all of them or none. They fill batches from the beginning.

        Args:
            requests: what is asked.
            take: takes the reports that were made together, with the tickets; else as `on_report` of `submit`.

        Returns:
            A ticket for each search.

        Raises:
            BusyError: too many searches are open.
        """
        tickets: list[Ticket] = []
        with self._lock:
            counts = [worker.open for worker in self._workers]
            if sum(counts) + len(requests) > self._most_open:
                raise BusyError(f"{self._most_open} searches are open, and more cannot be: try again later")
            shares: list[list[Ticket]] = [[] for _ in counts]
            for request in requests:
                least = counts.index(min(counts))
                counts[least] += 1
                tickets.append(Ticket(request, take, self._workers[least]))
                shares[least].append(tickets[-1])
            for worker, share in zip(self._workers, shares, strict=True):
                if share:
                    worker.add(share)
        return tickets

    def warm_up(self, *agents: Agent) -> None:
        """Compiles what searches need, by a small one for each agent. On a new machine that takes up to a minute.

        Raises:
            PylosError: an agent cannot judge a position; the message says why.
        """
        for agent in agents:
            reports: SimpleQueue[Report] = SimpleQueue()
            self.submit(SearchRequest(START, agent, 8), reports.put)
            if error := reports.get().error:
                raise PylosError(error)

    def close(self) -> None:
        """Ends all searches, each with a report that has an error, and the threads. It takes up to a second."""
        for worker in self._workers:
            worker.close()
        self._until_closed.close()
