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
from itertools import compress
from operator import and_
from queue import SimpleQueue
from typing import TextIO

import numpy as np

from pylos.analysis.service import Agent, Reports, SearchRequest, SearchService, Ticket, load_agent
from pylos.analysis.tickets import MOST_SIMULATIONS
from pylos.engine.protocol import (
    PROTOCOL,
    Answer,
    Request,
    RequestError,
    Source,
    encoded,
    encoded_text,
    read_lines,
    read_requests,
)
from pylos.engine.writing import Truth, write_answers
from pylos.errors import PylosError
from pylos.game.board import Board
from pylos.solution.tablebase import Tablebase, not_solved_message, open_if_present
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


@dataclass(slots=True)
class _Open:
    """A request whose positions are not all answered."""

    request: Request
    id: str
    """As JSON."""
    tickets: dict[int, Ticket] = field(default_factory=dict)
    """Of the positions that are not answered, by the number of turns that lead to them."""


_About = tuple[_Open, int]
"""What an answer is about: the note of its ticket. A position is known by the number of turns that lead to it."""


def _head(about: _About) -> str:
    """The fields of an answer that say what it is about."""
    opened, after = about
    return f'{{"id":{opened.id},"after":{after}'


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
        self._positions = 0  # that are open
        self._agents: dict[str, Agent] = {}  # by rules; for lines that came together they are looked up once
        self._tables: dict[str, Tablebase] = {}
        self._to_begin: list[SearchRequest] = []  # what the lines ask for that are dealt with now
        self._waiting = 0  # answers
        self._lock = threading.Lock()  # of that number
        self._reading = True
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
        some = [line for line in lines if line is None or line.strip()]
        for request in read_requests(some, self._options.rules, self._options.simulations):
            try:
                if isinstance(request, RequestError):
                    raise request
                self._do(request)
            except RequestError as error:
                self._write(error.answer)
        self._begin()

    def _do(self, request: Request) -> None:
        """Does what a request asks."""
        if request.action == "analyse":
            self._analyse(request)
        elif request.action == "version":
            self._confirm(request, version=version("pylos"), protocol=PROTOCOL)
        elif request.action == "cancel_all":
            self._confirm(request, cancelled=sum([self._cancel(id) for id in list(self._open)]))
        else:
            cancelled = self._cancel(request.cancel_id or "")
            self._confirm(request, cancel_id=request.cancel_id, cancelled=cancelled)

    def _confirm(self, request: Request, **facts: object) -> None:
        self._write({"id": request.id, "action": request.action, **facts})

    def _cancel(self, id: str) -> int:
        """Ends what is left of a request; returns for how many positions."""
        if id not in self._open:
            return 0
        self._begin()
        opened = self._open.pop(id)
        tickets, opened.tickets = opened.tickets, {}
        self._positions -= len(tickets)
        for after, ticket in tickets.items():
            ticket.cancel()
            self._write({"id": id, "after": after, "done": True, "cancelled": True})
        return len(tickets)

    def _analyse(self, request: Request) -> None:
        """Begins the searches of a request: of all its positions or of none."""
        id = request.id or ""
        if id in self._open:
            raise RequestError(f"the request with the id {id!r} is not finished", "id", id)
        most = self._options.most_open
        if self._positions + len(request.positions) > most:
            raise RequestError(
                f"busy: {self._positions} positions are open, and {most} may be: wait for answers", None, id
            )
        agent = self._agent(request)
        if request.exact:
            self._load_table(request)
        self._open[id] = opened = _Open(request, encoded_text(id))
        self._positions += len(request.positions)
        for after, position, earlier in request.positions:
            search = SearchRequest(
                position,
                agent,
                request.simulations,
                request.root,
                report_every=request.report_every,
                earlier=earlier,
                note=(opened, after),
            )
            self._to_begin.append(search)

    def _begin(self) -> None:
        """Begins the searches that were asked for."""
        searches, self._to_begin = self._to_begin, []
        for ticket in self._service.submit_all(searches, self._take):
            opened, after = ticket.request.note
            opened.tickets[after] = ticket

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

    def _take(self, tickets: dict[int, Ticket], reports: Reports) -> None:
        """Takes reports from the thread that searches, which also writes most of their answers."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                tickets = {place: ticket for place, ticket in tickets.items() if reports.done[place]}
            self._waiting += len(tickets)
        plain: dict[int, SearchRequest] = {}
        for place, ticket in tickets.items():
            about: _About = ticket.request.note
            if reports.error is not None:
                line = f'{_head(about)},"done":true,"error":{encoded_text(reports.error)}}}\n'
                self._events.put(partial(self._answer, [about], [True], line))
            elif about[0].request.exact:
                self._events.put(partial(self._answer_with_truth, ticket.request, reports, place))
            else:
                plain[place] = ticket.request
        if plain:
            abouts = [request.note for request in plain.values()]
            heads = dict(zip(plain, map(_head, abouts), strict=True))
            positions = [request.position for request in plain.values()]
            lines = write_answers(reports, heads, positions, [opened.request.rows for opened, _ in abouts])
            self._events.put(partial(self._answer, abouts, reports.done[list(plain)].tolist(), lines))

    def _answer_with_truth(self, search: SearchRequest, reports: Reports, place: int) -> None:
        """Writes an answer with exact values, by which its rows are ordered."""
        request: Request = search.note[0].request
        table, board = self._tables[request.rules], Board.from_position(search.position, request.rules)
        values, distances = table.probe([board])
        known = table.probe_actions([board])
        places = np.searchsorted(known.actions, reports.findings.actions[reports.findings.part(place)])
        exact, turns = known.values[places], known.distances[places]
        order = np.lexsort((exact * turns, -exact))  # of equals, those in front stay there
        alone = reports.alone(place, order)
        truth = Truth(values, distances, exact[order], turns[order])
        line = write_answers(alone, {0: _head(search.note)}, [search.position], [request.rows], truth)
        self._answer([search.note], alone.done.tolist(), line)

    def _answer(self, abouts: list[_About], done: list[bool], lines: str) -> None:
        """Writes answers, apart from those about positions that were cancelled meanwhile."""
        with self._lock:
            self._waiting -= len(abouts)
        wanted = [after in opened.tickets for opened, after in abouts]
        for opened, after in compress(abouts, map(and_, wanted, done)):
            del opened.tickets[after]
            if not opened.tickets:
                del self._open[opened.request.id or ""]
            self._positions -= 1
        self._sink.write(lines if all(wanted) else "".join(compress(lines.splitlines(keepends=True), wanted)))

    def _write(self, answer: Answer) -> None:
        self._sink.write(encoded(answer))
