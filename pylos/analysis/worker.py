"""The thread that searches: it steps all searches it has, and asks each agent once per step."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from typing import NamedTuple

import numpy as np

from pylos.analysis.agents import Agent
from pylos.analysis.reports import Reports, failed_reports, read_reports
from pylos.analysis.tickets import MOST_SIMULATIONS, SearchRequest, Take, Ticket
from pylos.errors import PylosError
from pylos.game.rules import rules_code
from pylos.network.threads import keep_torch_to_one_thread
from pylos.search.evaluator import padded_size
from pylos.search.pool import SMALL, SearchPool
from pylos.system.output import print_stderr

CLOSING_SECONDS = 1.0
"""How long `Worker.close` waits for the step under way."""
KEPT_SECONDS = 1.0
"""How long trees are kept that no search uses. To take memory anew costs a tenth of the time of a small search."""
HELD_STEPS = 8
"""How many steps the last report of a search may wait for others: an eighth of a small search. Each time that reports
are taken, another thread wakes up, and the network's weights leave the processor's cache."""


class Size(NamedTuple):
    """The size of a pool."""

    simulations: int
    rows: int


SIZES = (Size(SMALL, 256), Size(512, 256), Size(MOST_SIMULATIONS, 64))
"""The pools of an agent: two for moves, of which many can be in a batch, and one for analyses, whose trees may grow to
10 MB each. So no move waits for a row behind analyses, and the trees of an agent take less than 1 GB."""


class Worker:
    """A thread with searches of its own. While it has none it sleeps, and soon it holds no trees."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._incoming: list[Ticket] = []
        self._closed = False
        self._any_cancelled = False
        self._lanes: dict[Agent, dict[Size, _Lane]] = {}
        self.open = 0
        """How many searches are not over."""
        self._thread = threading.Thread(target=self._run, name="pylos-search", daemon=True)
        self._thread.start()

    def add(self, tickets: list[Ticket]) -> None:
        """Begins searches with the next step, or when there are rows for them."""
        with self._condition:
            self.open += len(tickets)
            if not self._closed:
                self._incoming += tickets
                self._condition.notify()
                return
        self._send_error(tickets, "the search was ended")

    def cancel(self, ticket: Ticket) -> None:
        """Ends a search without a report."""
        with self._condition:
            self._end(ticket)
            self._any_cancelled = True

    def close(self) -> None:
        """Ends all searches, with a report that says so, and the thread."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join(CLOSING_SECONDS)

    def _run(self) -> None:
        while self._admit():
            for agent in list(self._lanes):
                self._step(agent)
        for agent in list(self._lanes):
            self._fail(agent, "the search was ended")

    def _admit(self) -> bool:
        """Waits until there is something to do and takes what has come in; false once the worker is closed."""
        with self._condition:
            self._drop_idle_lanes()
            while not (self._incoming or self._closed or self._is_searching):
                self._condition.wait(KEPT_SECONDS if self._lanes else None)
                self._drop_idle_lanes()
            incoming, self._incoming = self._incoming, []
            cancelled, self._any_cancelled = self._any_cancelled, False
        if cancelled:
            for lanes in self._lanes.values():
                for lane in lanes.values():
                    lane.drop_cancelled()
        for ticket in incoming:
            try:
                self._lane_for(ticket.request).waiting.append(ticket)
            except Exception as error:  # there may be no memory for another pool
                self._send_error([ticket], _described(error))
        return not self._closed

    def _lane_for(self, request: SearchRequest) -> _Lane:
        """Where a search waits for a row."""
        size = next(size for size in SIZES if request.simulations <= size.simulations)
        lanes = self._lanes.setdefault(request.agent, {})
        if size not in lanes:
            keep_torch_to_one_thread()  # here, where the agent's network is loaded, whether of torch or not
            lanes[size] = _Lane(request.agent, size)
        return lanes[size]

    @property
    def _is_searching(self) -> bool:
        return not all(lane.is_empty for lanes in self._lanes.values() for lane in lanes.values())

    def _drop_idle_lanes(self) -> None:
        """Gives back the trees that no search has used for a while."""
        since = time.monotonic() - KEPT_SECONDS
        for agent, lanes in list(self._lanes.items()):
            for size, lane in list(lanes.items()):
                if lane.is_empty and lane.used <= since:
                    del lanes[size]
            if not lanes:
                del self._lanes[agent]

    def _step(self, agent: Agent) -> None:
        """Makes one simulation in every search of an agent."""
        lanes = [lane for lane in self._lanes[agent].values() if not lane.is_empty]
        if not lanes:
            return
        try:
            leaves, count, firsts = np.zeros(sum(lane.rows for lane in lanes), np.int64), 0, []
            for lane in lanes:
                firsts.append(count)
                count += lane.select(leaves[count:])
            if count:
                values, log_policy = agent.evaluate(leaves[: padded_size(count)])
                for first, lane in zip(firsts, lanes, strict=True):
                    lane.expand(values[first:], log_policy[first:])
            for lane in lanes:
                if rows := lane.due():
                    self._send(*lane.report(rows))
        except PylosError as error:
            self._fail(agent, str(error))
        except Exception as error:  # whatever it is, the searches of other agents go on
            self._fail(agent, _described(error))

    def _fail(self, agent: Agent, error: str) -> None:
        """Ends all searches of an agent."""
        for lane in self._lanes.pop(agent).values():
            self._send_error([*lane.running.values(), *lane.waiting], error)

    def _send_error(self, tickets: list[Ticket], error: str) -> None:
        self._send(tickets, failed_reports(len(tickets), error))

    def _send(self, tickets: list[Ticket], reports: Reports) -> None:
        """Hands reports to those who asked for the searches, to each all of theirs together."""
        done, taken = reports.done.tolist(), defaultdict[Take, dict[int, Ticket]](dict)
        with self._condition:
            for place, ticket in enumerate(tickets):
                if not ticket.is_over:
                    taken[ticket.take][place] = ticket
                    if done[place]:
                        self._end(ticket)
            for take, theirs in taken.items():
                try:
                    take(theirs, reports)
                except (
                    Exception
                ) as error:  # a mistake of one who asks must not end the searches of the others
                    print_stderr(f"pylos: a search ends because its report was not taken: {error!r}")
                    for ticket in theirs.values():
                        self.cancel(ticket)

    def _end(self, ticket: Ticket) -> None:
        if not ticket.is_over:
            ticket.is_over = True
            self.open -= 1


def _described(error: Exception) -> str:
    return f"the search failed ({type(error).__name__}: {error})"


class _Lane:
    """The searches of an agent that are in one pool, and those that wait for a row of it."""

    def __init__(self, agent: Agent, size: Size) -> None:
        self._pool = SearchPool(rules_code(agent.rules), size.rows, size.simulations)
        self.rows = size.rows
        self.waiting: deque[Ticket] = deque()
        self.running: dict[int, Ticket] = {}
        self._streaming: dict[int, Ticket] = {}  # those of them that may report before they are finished
        self._finished: list[int] = []
        self._steps = HELD_STEPS  # since the last reports
        self.used = 0.0
        """When there was a search last, in seconds."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no search."""
        return not (self.running or self.waiting)

    def drop_cancelled(self) -> None:
        """Removes the searches that were cancelled."""
        self._remove([row for row, ticket in self.running.items() if ticket.is_over])

    def select(self, leaves: np.ndarray) -> int:
        """The first half of a step, see `SearchPool.select`."""
        if self.waiting:
            self._begin()
        return self._pool.select(leaves)

    def _begin(self) -> None:
        """Begins searches that wait, as many as there are rows for."""
        tickets: list[Ticket] = []
        room = self._pool.free_rows
        while self.waiting and len(tickets) < room:
            if not (ticket := self.waiting.popleft()).is_over:
                tickets.append(ticket)
        if tickets:
            requests = [ticket.request for ticket in tickets]
            rows = self._pool.add(
                [request.position for request in requests],
                [request.simulations for request in requests],
                [(request.root or request.agent.root) == "gumbel" for request in requests],
                [request.earlier for request in requests],
            )
            begun = dict(zip(rows, tickets, strict=True))
            self.running |= begun
            self._streaming |= {row: ticket for row, ticket in begun.items() if ticket.streams}

    def expand(self, values: np.ndarray, log_policy: np.ndarray) -> None:
        """The second half of a step, see `SearchPool.expand`."""
        self._pool.expand(values, log_policy)

    def due(self) -> list[int]:
        """The rows of the searches that are to report now.

        Last reports wait for each other, as long as more searches go on than are finished.
        """
        self.used = time.monotonic()
        self._steps += 1
        self._finished = finished = self._pool.finished()
        rows = []
        if self._streaming:
            made = self._pool.simulations(list(self._streaming)).tolist()
            numbers = zip(self._streaming.items(), made, strict=True)
            ended = set(finished)
            rows = [row for (row, ticket), n in numbers if row not in ended and ticket.wants_report(n)]
        if rows or 2 * len(finished) >= len(self.running) or self._steps >= HELD_STEPS:
            rows += finished
        return sorted(rows)

    def report(self, rows: list[int]) -> tuple[list[Ticket], Reports]:
        """The tickets of searches, and what they report. Those that are finished are removed."""
        reports = read_reports(self._pool, rows, set(self._finished))
        tickets = [self.running[row] for row in rows]
        self._remove([row for row in self._finished if row in rows])
        self._steps = 0
        return tickets, reports

    def _remove(self, rows: list[int]) -> None:
        for row in rows:
            del self.running[row]
            self._streaming.pop(row, None)
        self._pool.remove(rows)
