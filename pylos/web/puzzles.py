"""Puzzles for the page: which there are, one of them, and what a turn does to it."""

from __future__ import annotations

import contextlib
import datetime
import threading
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.errors import PlayerError
from pylos.game.rules import RULES
from pylos.players.naming import REFERENCE, load_player
from pylos.system.options import SEED, Range, natural
from pylos.truth.puzzles import Puzzles, make_puzzles
from pylos.truth.suite import STRATA, load_suite
from pylos.web.bodies import Body, query_rules, query_whole, read_body, refuse
from pylos.web.states import ACTION_IDS, LONGEST_TURN, state_of

TITLES = {"opening": "Opening", "middle": "Middle game", "late": "Late game", "take_back": "Take-backs"}
_RATING, _SEED = Range(int, 0, 10_000), Range(int, 0, SEED.most)
_made: dict[str, Puzzles] = {}
_making = threading.Lock()


def puzzles_of(rules: str) -> Puzzles:
    """The puzzles of a rule set, which take a second to make for the first time.

    The agent that ships rates them. Where none does, the share of right actions does.
    """
    with _making:
        if rules not in _made:
            suite = load_suite(rules)
            if suite is None:
                refuse(f"there are no puzzles for the {rules} rules", 404)
            try:
                evaluate = load_player(REFERENCE, rules, 0, "cpu").network
            except PlayerError:
                evaluate = None
            _made[rules] = make_puzzles(suite, evaluate)
        return _made[rules]


def make_soon(rules: str) -> threading.Thread:
    """Makes the puzzles of a rule set, if it has some, in the background: who asks for them soon waits less.

    The agent that ships judges on one thread. The other cores are for who plays.

    Returns:
        The thread that does it.
    """

    def make() -> None:
        with contextlib.suppress(HTTPException):
            puzzles_of(rules)

    thread = threading.Thread(target=make, name="pylos-puzzles", daemon=True)
    thread.start()
    return thread


async def overview(request: Request) -> Response:
    """Answers GET /api/1/puzzles: how many puzzles the rules have."""
    puzzles = await run_in_threadpool(puzzles_of, query_rules(request))
    return JSONResponse(_overview(puzzles))


def _overview(puzzles: Puzzles) -> dict[str, Any]:
    strata = puzzles.suite.strata[puzzles.rows]
    counts = {name: int((strata == number).sum()) for number, name in enumerate(STRATA)}
    return {
        "count": len(puzzles),
        "strata": [{"name": n, "title": TITLES[n], "count": count} for n, count in counts.items() if count],
        "rules": [rules for rules in RULES if load_suite(rules) is not None],
        "ratings": [int(puzzles.ratings.min()), int(puzzles.ratings.max())],
    }


async def following(request: Request) -> Response:
    """Answers GET /api/1/puzzles/next: a puzzle near a rating, drawn by a seed."""
    puzzles = await run_in_threadpool(puzzles_of, query_rules(request))
    stratum = request.query_params.get("stratum") or None
    if stratum is not None and stratum not in STRATA:
        refuse(f"there is no stratum {stratum!r}, only {', '.join(STRATA)}")
    rating = query_whole(request, "rating", _RATING, 0) if request.query_params.get("rating") else None
    number = puzzles.near(rating, stratum, query_whole(request, "seed", _SEED, 0))
    if number is None:
        refuse(f"the {puzzles.suite.rules} rules have no puzzles of the stratum {stratum}", 404)
    return JSONResponse(_puzzle(puzzles, number))


async def daily(request: Request) -> Response:
    """Answers GET /api/1/puzzles/daily: the puzzle of a day; by default of today."""
    text = request.query_params.get("date") or datetime.datetime.now(datetime.UTC).date().isoformat()
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        refuse("date must be a day such as 2026-11-27")
    puzzles = await run_in_threadpool(puzzles_of, query_rules(request))
    return JSONResponse({"date": date.isoformat(), **_puzzle(puzzles, puzzles.daily(date.isoformat()))})


async def one(request: Request) -> Response:
    """Answers GET /api/1/puzzles/RULES/NUMBER."""
    return JSONResponse(_puzzle(*await _found(request)))


async def attempt(request: Request) -> Response:
    """Answers POST /api/1/puzzles/RULES/NUMBER: judges a whole turn. The solution comes when asked for, or found."""
    body = await read_body(request)
    return JSONResponse(_judged(*await _found(request), body))


def _judged(puzzles: Puzzles, number: int, body: Body) -> dict[str, Any]:
    reveal = body.flag("reveal")
    answer: dict[str, Any] = {"value": puzzles.value(number)}
    if "actions" in body or not reveal:
        verdict = puzzles.judge(number, body.wholes("actions", ACTION_IDS, LONGEST_TURN))
        answer |= verdict._asdict()
        reveal = reveal or verdict.kept
    return answer | ({"keeping_turns": puzzles.keeping_turns(number)} if reveal else {})


async def _found(request: Request) -> tuple[Puzzles, int]:
    rules = request.path_params["rules"]
    if rules not in RULES:
        refuse(f"there is no rule set {rules!r}", 404)
    puzzles = await run_in_threadpool(puzzles_of, rules)
    number = natural(request.path_params["number"], len(puzzles))
    if not number:
        refuse(f"the {rules} rules have puzzles 1 to {len(puzzles)}", 404)
    return puzzles, number


def _puzzle(puzzles: Puzzles, number: int) -> dict[str, Any]:
    board = puzzles.board(number)
    return {
        "rules": board.rules,
        "number": number,
        "stratum": puzzles.stratum(number),
        "rating": int(puzzles.ratings[number - 1]),
        "solved_by_policy": round(float(puzzles.solved[number - 1]), 4),
        "game": {"rules": board.rules, "start": board.text, "actions": []},
        "state": state_of(board),
        "asks": puzzles.asks(number),
        "keeping": int(puzzles.suite.keeping[puzzles.row(number)].sum()),
    }


routes = [
    Route("/api/1/puzzles", overview),
    Route("/api/1/puzzles/next", following),
    Route("/api/1/puzzles/daily", daily),
    Route("/api/1/puzzles/{rules}/{number}", one),
    Route("/api/1/puzzles/{rules}/{number}", attempt, methods=["POST"]),
]
