"""The application: pages, and the HTTP interface that they and other programs use."""

from __future__ import annotations

from importlib import resources
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pylos.errors import PylosError
from pylos.game.actions import CELL_NAMES
from pylos.game.rules import CELLS, cell_index
from pylos.web.states import read_game, start_board, state_of

PAGES = str(resources.files("pylos.web") / "pages")


async def info(request: Request) -> Response:
    """What there is: rules, cells, defaults."""
    cells = []
    for (level, row, column), name in zip(CELLS, CELL_NAMES, strict=True):
        below = [cell_index(level - 1, row + i, column + j) for i in (0, 1) for j in (0, 1)] if level else []
        cells.append({"name": name, "level": level, "row": row, "column": column, "below": below})
    return JSONResponse({"version": version("pylos"), "cells": cells})


async def position(request: Request) -> Response:
    """The positions of a game."""
    body: Any = await request.json()
    game = read_game(body.get("game") if isinstance(body, dict) else None)
    board = start_board(game)
    first = state_of(board)
    turns: list[dict[str, Any]] = []
    for action in game.actions:
        side, begun = board.turn, board.pending > 0 and bool(turns)
        board.push(action)
        if not begun:
            turns.append({"by": side, "actions": [], "states": []})
        turn = turns[-1]
        turn["actions"].append(action)
        turn["states"].append(state_of(board))
        turn |= {"turn": board.last_turn, "complete": board.turn != side or board.is_over}
        turn["state"] = turn["states"][-1]
    return JSONResponse({"state": state_of(board), "first": first, "turns": turns})


async def explained(request: Request, error: Exception) -> Response:
    """Bad input as one sentence."""
    return JSONResponse({"error": str(error)}, status_code=400)


async def refused(request: Request, error: Exception) -> Response:
    """Errors of HTTP as one sentence."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)


def page(name: str) -> Route:
    """The route of a page."""

    async def send(request: Request) -> Response:
        return FileResponse(f"{PAGES}/{name}.html")

    return Route("/" if name == "index" else f"/{name}", send)


def make_app() -> Starlette:
    """Makes the application."""
    routes = [
        page("index"),
        page("puzzles"),
        page("runs"),
        Route("/api/1/info", info),
        Route("/api/1/position", position, methods=["POST"]),
        Mount("/static", StaticFiles(directory=PAGES)),
    ]
    return Starlette(routes=routes, exception_handlers={PylosError: explained, HTTPException: refused})
