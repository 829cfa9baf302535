"""What there is: rules, cells, defaults."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.game.actions import CELL_NAMES
from pylos.game.outcome import MOST_PLIES, REPETITION_LIMIT
from pylos.game.rules import CELLS, LINES, MINI, OPTIONAL, RULES, SQUARES, balls_per_player, cell_index
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
            "cells": cells(),
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


def how_to_play(rules: str) -> list[tuple[str, str]]:
    """The rules for somebody who does not know them: paragraphs, each with a title."""
    code = RULES[rules]
    size = 3 if code & MINI else 4
    goal = (
        "If it is your turn and you can neither place nor raise a ball, you lose. So whoever puts the last ball on "
        "the top wins, and before that whoever has balls left when the other has none. Save your balls."
    )
    turn = (
        f"Each side has {balls_per_player(code)} balls in reserve; white begins. The board has {size} by {size} "
        "places. In your turn you place a ball or raise one."
    )
    place = (
        "Put a ball of your reserve on an empty place of the board, or on four balls that form a square. Their "
        "colours do not matter."
    )
    lift = (
        "Move a free ball of yours up to a higher level, on four balls that form a square. The ball itself may not "
        "be one of the four. This costs no ball of your reserve."
    )
    free = "A ball is free while no other ball lies on it. Only free balls can be raised or taken back."
    paragraphs = [("Goal", goal), ("A turn", turn), ("Place", place), ("Raise", lift), ("Free balls", free)]
    if not code & SQUARES:
        return [*paragraphs, ("Taking back", "In these rules no ball is ever taken back.")]
    above = "" if code & MINI else " or 3 on the second level"
    line = f", or a whole line ({size} on the lowest level{above})" if code & LINES else ""
    amount = "none, one or two" if code & OPTIONAL else "one or two"
    take = (
        f"If the ball that you place or raise completes a square of four of your own colour{line}, take {amount} of "
        "your free balls from the board back into your reserve. It may be the ball that you just played. After the "
        "first ball another one may have become free."
    )
    draws = (
        "Balls that are taken back may bring the same position again. When it is there for the "
        f"{REPETITION_LIMIT}rd time, or after {MOST_PLIES} actions, the game is a draw."
    )
    return [*paragraphs, ("Taking back", take), ("Draws", draws)]


def _rules_entry(rules: str) -> dict[str, Any]:
    return {
        "name": rules,
        "title": rules_title(rules),
        "text": _rules_text(rules),
        "how_to_play": how_to_play(rules),
        "solved": is_solved(rules),
        "distances": is_solved(rules, distances=True),
        "solve": solve_cost(rules, distances=True)._asdict(),
    }


@cache
def cells() -> list[dict[str, Any]]:
    """The cells of the board, in order: name, level, row and column, and the cells that carry a ball on it."""
    entries = []
    for (level, row, column), name in zip(CELLS, CELL_NAMES, strict=True):
        below = [cell_index(level - 1, row + i, column + j) for i in (0, 1) for j in (0, 1)] if level else []
        entries.append({"name": name, "level": level, "row": row, "column": column, "below": below})
    return entries


routes = [Route("/api/1/info", info)]
