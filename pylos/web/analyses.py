"""What turns are worth: a search that grows, the solution, and a hint from both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.analysis.rows import Row, analyse, best_first
from pylos.analysis.service import Report, SearchRequest
from pylos.analysis.tickets import MOST_SIMULATIONS
from pylos.errors import IllegalActionError
from pylos.game.actions import CELL_NAMES
from pylos.game.board import Board
from pylos.game.outcome import Outcome, outcome_on
from pylos.solution.tablebase import solve_cost
from pylos.system.options import Range
from pylos.web.bodies import read_body
from pylos.web.searches import agent_for, last_report, reports
from pylos.web.states import Game, legal_entry, replay
from pylos.web.streams import EventStream, while_waiting
from pylos.web.tables import Tables

SIMULATIONS = Range(int, 0, MOST_SIMULATIONS)
LONG, MOST_LONG = 512, 64
"""From how many simulations on a search is a long one, and how many of these are made at once, whoever judges. Their
trees may grow to 10 MB each; the others wait."""
HINT_SIMULATIONS = 1024
"""A hint is at full strength, whatever the level of the opponent: as many as the strongest level makes."""

Truth = dict[int, Row]
"""Rows with exact values by their action; empty where the rules are not solved."""


async def growing(request: Request) -> Response:
    """Answers POST /api/1/analyse: what a search finds while it grows."""
    body = await read_body(request)
    game, opponent = body.game(), body.text_or_none("opponent")
    simulations = body.whole("simulations", SIMULATIONS)
    return EventStream(request, _events(request, game, opponent, simulations))


async def _events(
    request: Request, game: Game, opponent: str | None, simulations: int
) -> AsyncGenerator[dict[str, Any], None]:
    board = replay(game)
    if outcome := outcome_on(board):
        yield _end_event(board, outcome)
        return
    truth = await _truth(request, board)
    agent = await agent_for(request, game.rules, opponent)
    search = SearchRequest(board.position, agent, simulations, reports=True, earlier=board.positions[:-1])
    place = _place(request, simulations)
    if place.locked():
        yield _waiting_event(truth)
    async with place, aclosing(reports(request.app.state.service, search)) as found:
        async for report in found:
            yield _event(board, report, truth)


def _place(request: Request, simulations: int) -> asyncio.Semaphore:
    """What a search holds while it lasts: one of few places if it is a long one."""
    few: asyncio.Semaphore = request.app.state.long_searches
    return few if simulations > LONG else asyncio.Semaphore()


def _waiting_event(truth: Truth) -> dict[str, Any]:
    """What is known while a search waits for others."""
    rows = [_row_entry(row) for row in best_first(list(truth.values()))]
    common = {"simulations": 0, "done": False, "rows": rows, "error": None}
    return {**common, "waiting": True, "value": None, "win": None}


def _event(board: Board, report: Report, truth: Truth) -> dict[str, Any]:
    """A report as the page gets it. The solution, where it is known, decides about the order of the rows."""
    value = report.value
    return {
        "simulations": report.simulations,
        "done": report.done,
        "value": value,
        "win": _white_wins(board, value),
        "rows": [_row_entry(row, line) for row, line in _joined(report, truth)],
        "error": None,
    }


def _end_event(board: Board, outcome: Outcome) -> dict[str, Any]:
    value = 0.0 if outcome.winner is None else 1.0 if outcome.winner == board.turn else -1.0
    common = {"simulations": 0, "done": True, "rows": [], "error": None}
    return {**common, "value": value, "win": _white_wins(board, value)}


def _white_wins(board: Board, value: float) -> float:
    """The chance of white, a draw counting half, from the value for the player to move."""
    return (1 + (value if board.turn == "white" else -value)) / 2


def _joined(report: Report, truth: Truth) -> list[tuple[Row, list[str]]]:
    """The rows of a report with exact values, the best first, and their lines."""
    lines = {row.action: line for row, line in zip(report.rows, report.lines, strict=True)}
    rows = [
        row._replace(exact=truth[row.action].exact, distance=truth[row.action].distance) if truth else row
        for row in report.rows
    ]
    return [(row, lines[row.action]) for row in best_first(rows)]


def _row_entry(row: Row, line: list[str] | None = None) -> dict[str, Any]:
    known = ("action", "name", "exact", "distance", "prior", "visits", "mean")
    return {**{name: getattr(row, name) for name in known}, "line": line or [row.name]}


async def _truth(request: Request, board: Board) -> Truth:
    """The exact values of the actions, as far as they are known here."""

    def look_up() -> Truth:
        tables: Tables = request.app.state.tables
        table = tables.find(board.rules)
        return {} if table is None else {row.action: row for row in analyse(board, table)}

    return await run_in_threadpool(look_up)


async def exact(request: Request) -> Response:
    """Answers POST /api/1/truth: what every action is worth by the solution, or what it costs to compute it."""
    body = await read_body(request)
    board = replay(body.game())
    tables: Tables = request.app.state.tables
    table = await run_in_threadpool(tables.find, board.rules)
    if table is None:
        return JSONResponse({"solved": False, **solve_cost(board.rules, distances=True)._asdict()})
    if outcome := outcome_on(board):
        value = int(_end_event(board, outcome)["value"])
        return JSONResponse({"solved": True, "value": value, "distance": None, "rows": []})
    rows = best_first(list((await _truth(request, board)).values()))
    return JSONResponse(
        {
            "solved": True,
            "value": rows[0].exact,
            "distance": rows[0].distance,
            "rows": [
                {name: getattr(row, name) for name in ("action", "name", "exact", "distance")} for row in rows
            ],
        }
    )


async def hint(request: Request) -> Response:
    """Answers POST /api/1/hint: what to play."""
    body = await read_body(request)
    return await while_waiting(request, _hint(request, body.game()))


async def _hint(request: Request, game: Game) -> Response:
    board = replay(game)
    if outcome := outcome_on(board):
        raise IllegalActionError(f"the game is over. {outcome.text}")
    truth = await _truth(request, board)
    agent = await agent_for(request, game.rules, None)
    search = SearchRequest(board.position, agent, HINT_SIMULATIONS, earlier=board.positions[:-1])
    async with _place(request, HINT_SIMULATIONS):
        report = await last_report(request.app.state.service, search)
    row, line = _joined(report, truth)[0]
    reason = _exact_reason(row, len(truth)) if truth else f"it has the best chances, {_percent(report.value)}"
    return JSONResponse(
        {
            "row": _row_entry(row, line),
            "line": line,
            "exact": bool(truth),
            "text": f"{_in_words(board, row.action)}: {reason}.",
        }
    )


def _in_words(board: Board, action: int) -> str:
    entry = legal_entry(action, board.pending > 0)
    source, target = (None if entry[end] is None else CELL_NAMES[entry[end]] for end in ("source", "target"))
    return {
        "place": f"Place on {target}",
        "raise": f"Raise {source} to {target}",
        "take": f"Take {source} back",
        "stop": "Take no other ball back",
    }[entry["kind"]]


def _exact_reason(row: Row, choices: int) -> str:
    """Why the solution advises an action."""
    turns = "" if row.distance is None else f" in {row.distance} turn{'s' * (row.distance != 1)}"
    if row.exact == 1:
        return f"it wins{turns}"
    if row.exact == 0:
        return "it keeps the draw"
    return f"{'everything' if choices > 1 else 'it'} loses{', this way' if choices > 1 else ''}{turns}"


def _percent(value: float) -> str:
    return f"{50 * (1 + value):.0f} %"


routes = [
    Route("/api/1/analyse", growing, methods=["POST"]),
    Route("/api/1/truth", exact, methods=["POST"]),
    Route("/api/1/hint", hint, methods=["POST"]),
]
