"""What there is: rules, cells, defaults."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.game.actions import CELL_NAMES
from pylos.game.rules import CELLS, LINES, MINI, OPTIONAL, RULES, SQUARES, cell_index
from pylos.solution.tablebase import is_solved, solve_cost
from pylos.web.settings import Settings

API_VERSION = 1
"""It grows with every change that an older program would misread."""


async def info(request: Request) -> Response:
    """Answers GET /api/1/info."""
    settings: Settings = request.app.state.settings
    given = "given" if settings.ckpt_path is not None else None
    return JSONResponse(
        {
            "version": version("pylos"),
            "version_api": API_VERSION,
            "rules": [_rules_entry(rules) for rules in RULES],
            "cells": _cells(),
            "defaults": {"rules": settings.rules, "level": settings.level, "opponent": given},
            "runs": settings.runs is not None and settings.runs.is_dir(),
            "load": {"searches": request.app.state.service.open, "waiting": request.app.state.waiting.count},
        }
    )


def rules_title(rules: str) -> str:
    """The name of a rule set for people."""
    first, *rest = rules.removeprefix("mini-").split("-")
    details = [*(["small board"] if RULES[rules] & MINI else []), *(f"take-back {word}" for word in rest)]
    return first.capitalize() + (f" ({', '.join(details)})" if details else "")


def _rules_text(rules: str) -> str:
    code = RULES[rules]
    board = "A base of three by three and 7 balls a side." if code & MINI else "15 balls a side."
    if not code & SQUARES:
        return f"{board} No ball is ever taken back."
    formation = "A square" if not code & LINES else "A square or a full line"
    amount = "none, one or two" if code & OPTIONAL else "one or two"
    return f"{board} {formation} of your colour: take {amount} of your free balls back."


def _rules_entry(rules: str) -> dict[str, Any]:
    return {
        "name": rules,
        "title": rules_title(rules),
        "text": _rules_text(rules),
        "solved": is_solved(rules),
        "distances": is_solved(rules, distances=True),
        "solve": solve_cost(rules, distances=True)._asdict(),
    }


@cache
def _cells() -> list[dict[str, Any]]:
    cells = []
    for (level, row, column), name in zip(CELLS, CELL_NAMES, strict=True):
        below = [cell_index(level - 1, row + i, column + j) for i in (0, 1) for j in (0, 1)] if level else []
        cells.append({"name": name, "level": level, "row": row, "column": column, "below": below})
    return cells


routes = [Route("/api/1/info", info)]
