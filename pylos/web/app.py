"""The application: pages, and the HTTP interface that they and other programs use. It keeps no game."""

from __future__ import annotations

import re
from importlib import resources

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pylos.errors import BusyError, PylosError
from pylos.web import info, positions, puzzles, runs
from pylos.web.security import HEADERS, Guard
from pylos.web.settings import Settings
from pylos.web.streams import Waiting

PAGES = str(resources.files("pylos.web") / "pages")
_POSITION = re.compile(r" in '[.wb/]{33} [wb] [012]'")
_static = StaticFiles(directory=PAGES)


def make_app(settings: Settings | None = None) -> Starlette:
    """Makes the application.

    Args:
        settings: what was asked for; None stands for the defaults.
    """
    app = Starlette(
        routes=[
            _page("/", "index"),
            _page("/puzzles", "puzzles"),
            _page("/runs", "runs"),
            *info.routes,
            *positions.routes,
            *puzzles.routes,
            *runs.routes,
            Mount("/static", _static),
        ],
        exception_handlers={PylosError: _explained, HTTPException: _refused, Exception: _failed},
    )
    app.state.settings = settings or Settings()
    app.state.waiting = Waiting()
    app.add_middleware(Guard, host=app.state.settings.host)
    return app


def _page(path: str, name: str) -> Route:
    """The route of a page; a browser that has it asks only whether it has changed."""

    async def send(request: Request) -> Response:
        return await _static.get_response(f"{name}.html", request.scope)

    return Route(path, send)


async def _explained(request: Request, error: Exception) -> Response:
    """Bad input as one sentence. The page shows the position, so the sentence need not hold it."""
    status = 503 if isinstance(error, BusyError) else 400
    return JSONResponse({"error": _POSITION.sub("", str(error))}, status_code=status)


async def _refused(request: Request, error: Exception) -> Response:
    """Errors of HTTP as one sentence."""
    assert isinstance(error, HTTPException)
    usual = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not what {request.url.path} answers",
    }
    was_said = error.detail not in ("Not Found", "Method Not Allowed")
    sentence = error.detail if was_said else usual.get(error.status_code, error.detail)
    return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """A mistake of ours. The server's log has the traceback, the client has a sentence."""
    return JSONResponse(
        {"error": "the server made a mistake: its terminal says which"}, status_code=500, headers=HEADERS
    )
