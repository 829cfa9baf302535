"""Games and positions as text: pasted by a person, and saved for later."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.game.board import Board
from pylos.game.record import GameRecord, format_record, parse_record
from pylos.web.bodies import read_body, refuse
from pylos.web.states import LONGEST_POSITION, Game, replay

_POSITION_BEGINS, _GAME_BEGINS = ".wb", "[0123456789-=*"
"""The first characters of a position, and of a game: a tag, a number, a turn or a result."""


async def parse(request: Request) -> Response:
    """Answers POST /api/1/parse: a pasted position or a saved game."""
    body = await read_body(request)
    rules, text = body.rules(), body.text("text").removeprefix("\ufeff").strip()
    return JSONResponse(await run_in_threadpool(_parsed, rules, text))


def _parsed(rules: str, text: str) -> dict[str, Any]:
    if text[:1] in _POSITION_BEGINS and text and len(text) <= LONGEST_POSITION:
        start = Board.from_text(text, rules).text
        return {"kind": "position", "game": Game(rules, start, [])._asdict(), "tags": {}}
    if text[:1] not in _GAME_BEGINS or not text:
        refuse("the text is neither a position nor a saved game")
    record = parse_record(text, rules)
    game = Game(record.rules, record.start, list(record.actions))
    replay(game)
    return {"kind": "game", "game": game._asdict(), "tags": dict(record.tags)}


async def record(request: Request) -> Response:
    """Answers POST /api/1/record: the text of a game, which `/api/1/parse` reads again."""
    body = await read_body(request)
    game, tags = body.game(), body.texts("tags")
    made = GameRecord(game.rules, game.start, tuple(game.actions), tags)
    return JSONResponse({"text": await run_in_threadpool(format_record, made)})


routes = [
    Route("/api/1/parse", parse, methods=["POST"]),
    Route("/api/1/record", record, methods=["POST"]),
]
