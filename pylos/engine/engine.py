"""`pylos engine`: positions come in as lines, are searched many at a time, and answers go out as lines.

A thread reads the lines. The thread that writes the answers does all the rest, so nothing here needs a lock. If
answers are not taken away, it does not go on; then no more lines are read.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from queue import SimpleQueue
from typing import TextIO

import numpy as np

from pylos.analysis.reports import Report
from pylos.analysis.service import Agent, SearchRequest, SearchService, Ticket, load_agent
from pylos.analysis.tickets import MOST_SIMULATIONS
from pylos.engine.protocol import (
    PROTOCOL,
    Answer,
    Position,
    Request,
    RequestError,
    Source,
    analysis_line,
    encoded,
    read_lines,
    read_request,
)
from pylos.engine.writing import Truth, WrittenRows, write_rows
from pylos.errors import PylosError
from pylos.search.findings import Findings
from pylos.solution.tablebase import NO_DISTANCE, Tablebase, not_solved_message, open_if_present
from pylos.system.machine import usable_threads
from pylos.system.options import COUNT, Range, checked_options

MOST_CHUNKS = 16
"""Chunks of lines that are read before the first of them is dealt with."""
MOST_WAITING = 10_000
"""Answers that wait to be written. While there are more, only last answers are made."""
_RANGES = {"simulations": Range(int, 0, MOST_SIMULATIONS), "most_open": COUNT}


@dataclass(frozen=True)
class EngineOptions:
    """What the command line says.

    Raises:
        ConfigurationError: a number is out of its range.
    """

    agent: str = "reference"
    """See `load_agent`."""
    rules: str = "standard"
    """The rule set of a request that names none."""
    simulations: int = 64
    """Those of a request that says nothing about them."""
    most_open: int = 10_000
    """The most positions that are open at the same time; a request for more is refused."""
    threads: int | None = None
    """Threads that search; None: as many as there are processors."""

    def __post_init__(self) -> None:
        checked_options({name: getattr(self, name) for name in _RANGES}, _RANGES)


@dataclass
class _Open:
    """A request whose positions are not all answered."""

    request: Request
    tickets: dict[int, Ticket] = field(default_factory=dict)
    """Of the positions that are not answered, by the number of turns that lead to them."""


class _LastWritten(threading.local):
    """The rows that a thread wrote last. Reports that were read together come one after the other."""

    findings: Findings | None = None
    rows = WrittenRows("", np.zeros(1, np.int64))

    def of(self, findings: Findings) -> WrittenRows:
        """The rows of all reports that were read together."""
        if findings is not self.findings:
            self.findings, self.rows = findings, write_rows(findings)
        return self.rows


class Engine:
    """Answers requests until there are no more.

    Args:
        options: see `EngineOptions`.
        source: the requests.
        sink: takes the answers.

    Raises:
        PylosError: the agent cannot be loaded for the rules of the options.
    """

    def __init__(self, options: EngineOptions, source: Source, sink: TextIO) -> None:
        self._options, self._source, self._sink = options, source, sink
        load_agent(options.agent, options.rules)  # what is wrong with it is said before any request
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._chunks = threading.Semaphore(MOST_CHUNKS)
        self._open: dict[str, _Open] = {}
        self._agents: dict[str, Agent] = {}  # by rules; for lines that came together they are looked up once
        self._tables: dict[str, Tablebase] = {}
        self._reading = True
        self._written = _LastWritten()
        self._service = SearchService(options.most_open, options.threads or usable_threads())

    def run(self) -> None:
        """Answers all requests; when there are no more of them, finishes those that are open."""
        threading.Thread(target=self._read, name="pylos-engine-reader", daemon=True).start()
        try:
            while self._reading or self._open:
                if self._events.empty():
                    self._sink.flush()
                self._events.get()()
            self._sink.flush()
        finally:
            self._service.close()

    def _read(self) -> None:
        """Reads lines until there are no more. A terminal that is gone is an end, too."""
        with contextlib.suppress(OSError):
            for lines in read_lines(self._source):
                self._chunks.acquire()
                self._events.put(partial(self._deal_with, lines))
        self._events.put(self._end_reading)

    def _end_reading(self) -> None:
        self._reading = False

    def _deal_with(self, lines: list[bytes | None]) -> None:
        """Does what lines ask. The searches that they begin are begun together."""
        self._chunks.release()
        self._agents.clear()
        for line in lines:
            if line is None or line.strip():
                self._answer_request(line)
        self._service.wake()

    def _answer_request(self, line: bytes | None) -> None:
        """Does what a line asks."""
        try:
            request = read_request(line, self._options.rules, self._options.simulations)
            if request.action == "analyse":
                self._analyse(request)
            elif request.action == "version":
                self._confirm(request, version=version("pylos"), protocol=PROTOCOL)
            elif request.action == "cancel_all":
                self._confirm(request, cancelled=sum([self._cancel(id) for id in list(self._open)]))
            else:
                cancelled = self._cancel(request.cancel_id or "")
                self._confirm(request, cancel_id=request.cancel_id, cancelled=cancelled)
        except RequestError as error:
            self._write(error.answer)

    def _confirm(self, request: Request, **facts: object) -> None:
        self._write({"id": request.id, "action": request.action, **facts})

    def _cancel(self, id: str) -> int:
        """Ends what is left of a request; returns for how many positions."""
        if id not in self._open:
            return 0
        tickets = self._open.pop(id).tickets
        for after, ticket in tickets.items():
            ticket.cancel()
            self._write({"id": id, "after": after, "done": True, "cancelled": True})
        return len(tickets)

    def _analyse(self, request: Request) -> None:
        """Begins the searches of a request: of all its positions or of none."""
        id = request.id or ""
        if id in self._open:
            raise RequestError(f"the request with the id {id!r} is not finished", "id", id)
        most, there = self._options.most_open, self._service.open
        if there + len(request.positions) > most:
            raise RequestError(
                f"busy: {there} positions are open, and {most} may be: wait for answers", None, id
            )
        agent = self._agent(request)
        if request.exact:
            self._load_table(request)
        self._open[id] = opened = _Open(request)
        for position in request.positions:
            search = SearchRequest(
                position.board.position,
                agent,
                request.simulations,
                request.root,
                report_every=request.report_every,
            )
            on_report = partial(self._take, opened, position)
            opened.tickets[position.after] = self._service.submit(search, on_report, wake=False)

    def _agent(self, request: Request) -> Agent:
        """Who judges the positions of a request."""
        rules = request.rules
        if rules not in self._agents:
            try:
                self._agents[rules] = load_agent(self._options.agent, rules)
            except PylosError as error:
                raise RequestError(str(error), "rules", request.id) from None
        return self._agents[rules]

    def _load_table(self, request: Request) -> None:
        if request.rules in self._tables:
            return
        try:
            table = open_if_present(request.rules)
        except PylosError as error:
            raise RequestError(str(error), "exact", request.id) from None
        if table is None:
            raise RequestError(not_solved_message(request.rules), "exact", request.id)
        self._tables[request.rules] = table

    def _take(self, opened: _Open, position: Position, report: Report) -> None:
        """Takes a report from the thread that searches, which also writes its rows."""
        if report.done or self._events.qsize() < MOST_WAITING:
            written = self._written.of(report.findings)
            self._events.put(partial(self._answer, opened, position, report, written))

    def _answer(self, opened: _Open, position: Position, report: Report, written: WrittenRows) -> None:
        """Writes what a report says."""
        request = opened.request
        if self._open.get(request.id or "") is not opened:
            return  # cancelled meanwhile
        if report.error is not None:
            self._write({"id": request.id, "after": position.after, "done": True, "error": report.error})
        elif request.exact:
            self._sink.write(self._with_truth(request, position, report))
        else:
            rows = written.of(report.part, request.rows)
            self._sink.write(analysis_line(request, position, report, rows))
        if report.done:
            del opened.tickets[position.after]
            if not opened.tickets:
                del self._open[request.id or ""]

    def _with_truth(self, request: Request, position: Position, report: Report) -> str:
        """The line of an answer with exact values, by which its rows are ordered."""
        table, findings = self._tables[request.rules], report.findings
        values, distances = table.probe([position.board])
        distance = int(distances[0])
        worth = {"exact": int(values[0]), "distance": None if distance == NO_DISTANCE else distance}
        known = table.probe_actions([position.board])
        places = np.searchsorted(known.actions, findings.actions[report.part])
        exact, turns = known.values[places], known.distances[places]
        order = np.lexsort((exact * turns, -exact))  # of equals, those in front stay there
        rows = write_rows(findings.one(report.place, order), Truth(exact[order], turns[order]))
        return analysis_line(request, position, report, rows.of(slice(0, len(order)), request.rows), worth)

    def _write(self, answer: Answer) -> None:
        self._sink.write(encoded(answer))
