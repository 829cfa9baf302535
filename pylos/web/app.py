"""The application: pages, and the HTTP interface that they and other programs use. It keeps no game."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pylos.analysis.service import SearchService
from pylos.errors import BusyError, PylosError
from pylos.web import analyses, info, moves, opponents, positions, puzzles, records, review, runs
from pylos.web.security import HEADERS, Guard
from pylos.web.sentences import sentence
from pylos.web.settings import Settings
from pylos.web.streams import Waiting
from pylos.web.tables import Tables
from pylos.web.warming import warm_up

PAGES = str(resources.files("pylos.web") / "pages")
_static = StaticFiles(directory=PAGES)


def make_app(settings: Settings | None = None, warm: bool = False) -> Starlette:
    """Makes the application. What its state has is listed in its last lines.

    Args:
        settings: what was asked for; None stands for the defaults.
        warm: whether to load and compile at the start what the first moves need.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.service = await run_in_threadpool(SearchService)
        app.state.long_searches = asyncio.Semaphore(analyses.MOST_LONG)
        app.state.reviewing = asyncio.Semaphore(review.SEARCHES_AT_ONCE)
        try:
            if warm:
                await run_in_threadpool(warm_up, app.state)
                puzzles.make_soon(app.state.settings.rules)
            yield
        finally:
            await run_in_threadpool(app.state.service.close)

    app = Starlette(
        routes=[
            _page("/", "index"),
            _page("/puzzles", "puzzles"),
            _page("/runs", "runs"),
            *info.routes,
            *positions.routes,
            *opponents.routes,
            *moves.routes,
            *analyses.routes,
            *puzzles.routes,
            *records.routes,
            *review.routes,
            *runs.routes,
            Mount("/static", _static),
        ],
        lifespan=lifespan,
        exception_handlers={PylosError: _explained, HTTPException: _refused, Exception: _failed},
    )
    app.state.settings = settings or Settings()
    app.state.waiting = Waiting()
    app.state.tables = Tables()
    app.add_middleware(Guard, host=app.state.settings.host)
    return app


def _page(path: str, name: str) -> Route:
    """The route of a page; a browser that has it asks only whether it has changed."""

    async def send(request: Request) -> Response:
        return await _static.get_response(f"{name}.html", request.scope)

    return Route(path, send)


async def _explained(request: Request, error: Exception) -> Response:
    """Bad input as one sentence."""
    status = 503 if isinstance(error, BusyError) else _status_of_bad_input(request)
    return JSONResponse({"error": sentence(error, request.app.state.settings)}, status_code=status)


def _status_of_bad_input(request: Request) -> int:
    """400, or 200 where the client asked for that: browsers write every 400 to their console as a failure."""
    return 200 if request.headers.get("prefer") == "explained" else 400


async def _refused(request: Request, error: Exception) -> Response:
    """Errors of HTTP as one sentence."""
    assert isinstance(error, HTTPException)
    usual = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not what {request.url.path} answers",
    }
    was_said = error.detail not in ("Not Found", "Method Not Allowed")
    sentence = error.detail if was_said else usual.get(error.status_code, error.detail)
    status = _status_of_bad_input(request) if error.status_code == 400 else error.status_code
    return JSONResponse({"error": sentence}, status_code=status, headers=error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of ours. The server's log has the traceback, the client has a sentence."""
    return JSONResponse(
        {"error": "the server made a mistake: its terminal says which"}, status_code=500, headers=HEADERS
    )
