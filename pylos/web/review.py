"""Reviews of games, and of turns that are tried instead of a mistake: by the solution if there is one, or searches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.analysis.review import (
    INACCURACY,
    Judgement,
    Opinion,
    PlayedTurn,
    chances_by_search,
    doubtful_positions,
    opinion_of,
    played_turns,
    positions_of,
    review_by_search,
    review_by_truth,
    values_by_truth,
)
from pylos.analysis.service import Agent, SearchRequest
from pylos.game.board import Board
from pylos.solution.tablebase import Tablebase
from pylos.web.bodies import read_body, refuse
from pylos.web.searches import agent_for, last_report
from pylos.web.states import ACTION_IDS, LONGEST_TURN, Game, start_board
from pylos.web.streams import EventStream, while_waiting
from pylos.web.tables import Tables

SIMULATIONS, CLOSER_SIMULATIONS = 400, 512
"""Of every position of a game, and of those that confirm or refute that a turn was wrong."""
CLOSER_LOOKS = 2
"""How often such positions are searched: a closer look may find another turn to doubt."""
SEARCHES_AT_ONCE = 32
"""The most searches that all reviews together have open, so that no move waits behind them."""


async def review(request: Request) -> Response:
    """Answers POST /api/1/review: judges every turn of a game."""
    body = await read_body(request)
    game, opponent = body.game(), body.text_or_none("opponent")
    turns = await run_in_threadpool(played_turns, start_board(game), game.actions)
    if not turns:
        refuse("there is no finished turn to review")
    return EventStream(request, _events(request, game, turns, opponent))


async def _events(
    request: Request, game: Game, turns: list[PlayedTurn], opponent: str | None
) -> AsyncGenerator[dict[str, Any], None]:
    if (table := await _table(request, game.rules)) is not None:
        yield _progress(0, turns)
        judgements = await run_in_threadpool(review_by_truth, turns, table)
        values = values_by_truth(judgements)
        yield _result("truth", judgements, [(1 + value) / 2 for value in values], values)
        return
    agent, opinions = await agent_for(request, game.rules, opponent), dict[int, Opinion]()
    searches, judged = _search_all(request.app.state, agent, turns, opinions), -1
    async with aclosing(searches) as counts:
        async for count in counts:
            if min(count, len(turns)) > judged:
                judged = min(count, len(turns))
                yield _progress(judged, turns)
    judgements = review_by_search(turns, opinions)
    yield _result("search", judgements, chances_by_search(turns, opinions), None)


async def judge(request: Request) -> Response:
    """Answers POST /api/1/judge: judges one turn that might have been played."""
    body = await read_body(request)
    game, opponent = body.game(), body.text_or_none("opponent")
    start, tried = start_board(game), body.wholes("actions", ACTION_IDS, LONGEST_TURN)
    earlier = await run_in_threadpool(played_turns, start, game.actions)
    turns = await run_in_threadpool(played_turns, start, [*game.actions, *tried])
    if len(turns) != len(earlier) + 1 or len(turns[-1].after.actions) != len(game.actions) + len(tried):
        refuse("the actions must be one whole turn")
    return await while_waiting(request, _judge(request, game, turns[-1], len(earlier), opponent))


async def _judge(
    request: Request, game: Game, turn: PlayedTurn, number: int, opponent: str | None
) -> Response:
    if (table := await _table(request, game.rules)) is not None:
        (judgement,) = await run_in_threadpool(review_by_truth, [turn], table)
    else:
        agent, opinions = await agent_for(request, game.rules, opponent), dict[int, Opinion]()
        async with aclosing(_search_all(request.app.state, agent, [turn], opinions)) as counts:
            async for _ in counts:
                pass
        (judgement,) = review_by_search([turn], opinions)
    judgement = judgement._replace(number=number)
    return JSONResponse({**_entry(judgement), "accepted": judgement.accepted})


async def _search_all(
    state: State, agent: Agent, turns: list[PlayedTurn], opinions: dict[int, Opinion]
) -> AsyncGenerator[int, None]:
    """Searches what `review_by_search` needs; yields the number of positions of the game that are judged so far.

    Args:
        state: of the application, whose service makes the searches.
        agent: judges their leaves.
        turns: of the game.
        opinions: receives what is found.
    """
    async with aclosing(_opinions(state, agent, positions_of(turns).values(), SIMULATIONS)) as found:
        async for position, opinion in found:
            opinions[position] = opinion
            yield len(opinions) - 1
    closer: dict[int, Opinion] = {}
    for _ in range(CLOSER_LOOKS):
        doubtful = doubtful_positions(turns, review_by_search(turns, opinions))
        boards = [board for position, board in doubtful.items() if position not in closer]
        async with aclosing(_opinions(state, agent, boards, CLOSER_SIMULATIONS)) as found:
            async for position, opinion in found:
                closer[position] = opinion
                yield len(turns)
        opinions |= closer


async def _opinions(
    state: State, agent: Agent, boards: Iterable[Board], simulations: int
) -> AsyncGenerator[tuple[int, Opinion], None]:
    """Searches positions, many at once, and yields what is found as it is found."""

    async def ask(board: Board) -> tuple[int, Opinion]:
        async with state.reviewing:
            search = SearchRequest(board.position, agent, simulations, earlier=board.positions[:-1])
            return board.position, opinion_of(await last_report(state.service, search), board)

    tasks = [asyncio.create_task(ask(board)) for board in boards]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _table(request: Request, rules: str) -> Tablebase | None:
    tables: Tables = request.app.state.tables
    return await run_in_threadpool(tables.find, rules)


def _progress(judged: int, turns: list[PlayedTurn]) -> dict[str, Any]:
    return {"done": False, "turns_judged": judged, "turns": len(turns)}


def _result(
    source: str, judgements: list[Judgement], points: list[float], exact_points: list[int] | None
) -> dict[str, Any]:
    return {
        "done": True,
        "source": source,
        "points": [round(point, 4) for point in points],
        "exact_points": exact_points,
        "accepted_below": INACCURACY,
        "turns": [_entry(judgement) for judgement in judgements],
    }


def _entry(judgement: Judgement) -> dict[str, Any]:
    return {**judgement._asdict(), "lost": round(judgement.lost, 4)}


routes = [
    Route("/api/1/review", review, methods=["POST"]),
    Route("/api/1/judge", judge, methods=["POST"]),
]
