"""The thread that searches: it steps all searches it has, and asks each agent once per step."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy as np

from pylos.analysis.agents import Agent
from pylos.analysis.reports import failed_report, read_reports
from pylos.analysis.tickets import MOST_SIMULATIONS, SearchRequest, Ticket
from pylos.errors import PylosError
from pylos.game.rules import rules_code
from pylos.network.threads import keep_torch_to_one_thread
from pylos.search.evaluator import padded_size
from pylos.search.pool import SMALL, SearchPool

CLOSING_SECONDS = 1.0
"""How long `Worker.close` waits for the step under way."""


class Size(NamedTuple):
    """The size of a pool."""

    simulations: int
    rows: int


SIZES = (Size(SMALL, 256), Size(512, 256), Size(MOST_SIMULATIONS, 64))
"""The pools of an agent: two for moves, of which many can be in a batch, and one for analyses, whose trees may grow to
10 MB each. So no move waits for a row behind analyses, and the trees of an agent take less than 1 GB."""


class Worker:
    """A thread with searches of its own. While it has none it sleeps, and holds no trees."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._incoming: list[Ticket] = []
        self._closed = False
        self._lanes: dict[Agent, dict[Size, _Lane]] = {}
        self._thread = threading.Thread(target=self._run, name="pylos-search", daemon=True)
        self._thread.start()

    def add(self, ticket: Ticket, wake: bool = True) -> None:
        """Begins a search with the next step, or when there is a row for it.

        Args:
            ticket: of the search.
            wake: whether to wake the thread if it sleeps; else it sleeps on until `wake`.
        """
        with self._condition:
            if not self._closed:
                self._incoming.append(ticket)
                if wake:
                    self._condition.notify()
                return
        ticket.send(failed_report("the search was ended"))

    def wake(self) -> None:
        """Begins what was added without waking the thread."""
        with self._condition:
            self._condition.notify()

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
            while not (self._incoming or self._lanes or self._closed):
                self._condition.wait()
            incoming, self._incoming = self._incoming, []
        for ticket in incoming:
            try:
                self._lane_for(ticket.request).waiting.append(ticket)
            except Exception as error:  # there may be no memory for another pool
                ticket.send(failed_report(_described(error)))
        return not self._closed

    def _lane_for(self, request: SearchRequest) -> _Lane:
        """Where a search waits for a row."""
        size = next(size for size in SIZES if request.simulations <= size.simulations)
        lanes = self._lanes.setdefault(request.agent, {})
        if size not in lanes:
            keep_torch_to_one_thread()  # here, where the agent's network is loaded, whether of torch or not
            lanes[size] = _Lane(request.agent, size)
        return lanes[size]

    def _step(self, agent: Agent) -> None:
        """Makes one simulation in every search of an agent."""
        lanes = self._lanes[agent]
        try:
            leaves, count, firsts = np.zeros(sum(size.rows for size in lanes), np.int64), 0, []
            for lane in lanes.values():
                firsts.append(count)
                count += lane.select(leaves[count:])
            if count:
                values, log_policy = agent.evaluate(leaves[: padded_size(count)])
                for first, lane in zip(firsts, lanes.values(), strict=True):
                    lane.expand(values[first:], log_policy[first:])
            for lane in lanes.values():
                lane.report()
        except PylosError as error:
            self._fail(agent, str(error))
        except Exception as error:  # whatever it is, the searches of other agents go on
            self._fail(agent, _described(error))
        else:
            self._lanes[agent] = {size: lane for size, lane in lanes.items() if not lane.is_empty}
            if not self._lanes[agent]:
                del self._lanes[agent]

    def _fail(self, agent: Agent, error: str) -> None:
        """Ends all searches of an agent."""
        for lane in self._lanes.pop(agent).values():
            for ticket in (*lane.running.values(), *lane.waiting):
                ticket.send(failed_report(error))


def _described(error: Exception) -> str:
    return f"the search failed ({type(error).__name__}: {error})"


class _Lane:
    """The searches of an agent that are in one pool, and those that wait for a row of it."""

    def __init__(self, agent: Agent, size: Size) -> None:
        self._pool = SearchPool(rules_code(agent.rules), size.rows, size.simulations)
        self.waiting: deque[Ticket] = deque()
        self.running: dict[int, Ticket] = {}
        self._reporting: dict[int, Ticket] = {}  # those of them that may report before they are finished

    @property
    def is_empty(self) -> bool:
        return not (self.running or self.waiting)

    def select(self, leaves: np.ndarray) -> int:
        """The first half of a step, see `SearchPool.select`, without searches that were cancelled."""
        for row in [row for row, ticket in self.running.items() if ticket.is_over]:
            self._remove(row)
        while self.waiting and self._pool.free_rows:
            ticket = self.waiting.popleft()
            if not ticket.is_over:
                request = ticket.request
                root = request.root or request.agent.root
                row = self._pool.add(request.position, request.simulations, root)
                self.running[row] = ticket
                if request.reports or request.report_every:
                    self._reporting[row] = ticket
        return self._pool.select(leaves)

    def expand(self, values: np.ndarray, log_policy: np.ndarray) -> None:
        """The second half of a step, see `SearchPool.expand`."""
        self._pool.expand(values, log_policy)

    def report(self) -> None:
        """Sends the reports that are due, and ends the searches that are finished."""
        finished = set(self._pool.finished())
        due = finished.copy()
        if self._reporting:
            made = self._pool.simulations(list(self._reporting))
            tickets = zip(self._reporting.items(), made, strict=True)
            due |= {row for (row, ticket), number in tickets if ticket.wants_report(number)}
        if due:
            rows = sorted(due)
            for row, report in zip(rows, read_reports(self._pool, rows, finished), strict=True):
                self.running[row].send(report)
        for row in finished:
            self._remove(row)

    def _remove(self, row: int) -> None:
        del self.running[row]
        self._reporting.pop(row, None)
        self._pool.remove(row)
