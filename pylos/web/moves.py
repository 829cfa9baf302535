"""The turns of agents. What an agent draws depends on the game's seed and the ply alone."""

from __future__ import annotations

import time

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.analysis.service import Agent, SearchRequest, SearchService, load_agent
from pylos.errors import IllegalActionError, TableError
from pylos.game.board import Board
from pylos.game.outcome import outcome_on
from pylos.kernels.randomness import derive_key, draw
from pylos.players.levels import draw_action
from pylos.players.perfect_player import PerfectPlayer
from pylos.solution.tablebase import not_solved_message
from pylos.system.options import Range
from pylos.web.bodies import read_body
from pylos.web.opponents import Opponent, find_opponent
from pylos.web.searches import last_report
from pylos.web.states import Game, play_turns, replay
from pylos.web.streams import while_waiting
from pylos.web.tables import Tables

SEEDS = Range(int, 0, 2**53 - 1)
"""Seeds that JavaScript knows exactly."""


async def move(request: Request) -> Response:
    """Answers POST /api/1/move: the whole turn of an agent."""
    body = await read_body(request)
    game, text, seed = body.game(), body.text("opponent"), body.whole("seed", SEEDS, 0)
    return await while_waiting(request, _move(request, game, text, seed))


async def _move(request: Request, game: Game, text: str, seed: int) -> Response:
    started = time.perf_counter()
    board = replay(game)
    if outcome := outcome_on(board):
        raise IllegalActionError(f"the game is over. {outcome.text}")
    decider = await run_in_threadpool(_make_decider, request, game.rules, text)
    side, before = board.turn, len(board.actions)
    while board.turn == side and not outcome_on(board):
        key = draw(derive_key(seed, "move"), len(board.actions))
        board.push(await decider.decide(board, key))
    (turn,) = play_turns(replay(game), list(board.actions[before:]))
    milliseconds = round(1000 * (time.perf_counter() - started))
    return JSONResponse({"turn": turn, "milliseconds": milliseconds})


def _make_decider(request: Request, rules: str, text: str) -> _Searcher | _Knower:
    state = request.app.state
    opponent = find_opponent(state.settings, rules, text)
    if opponent.agent is not None:
        return _Searcher(state.service, load_agent(opponent.agent, rules), opponent)
    tables: Tables = state.tables
    if (table := tables.find(rules, distances=True)) is None:
        raise TableError(not_solved_message(rules, distances=True))
    return _Knower(PerfectPlayer(table))


class _Searcher:
    """Decides by a search.

    Args:
        service: makes it.
        agent: judges the leaves.
        opponent: how many simulations, and the temperature of the draw.
    """

    def __init__(self, service: SearchService, agent: Agent, opponent: Opponent) -> None:
        self._service, self._agent, self._opponent = service, agent, opponent

    async def decide(self, board: Board, key: int) -> int:
        """Chooses an action."""
        simulations, earlier = self._opponent.simulations, board.positions[:-1]
        search = SearchRequest(board.position, self._agent, simulations, earlier=earlier)
        found = await last_report(self._service, search)
        rows = sorted(found.rows, key=lambda row: row.action)  # the order in which players draw
        bare = not self._opponent.simulations
        weights = [(row.prior if bare else row.improved) or 0.0 for row in rows]
        return draw_action([row.action for row in rows], weights, self._opponent.temperature, key)


class _Knower:
    """Decides by the solution.

    Args:
        player: knows it.
    """

    def __init__(self, player: PerfectPlayer) -> None:
        self._player = player

    async def decide(self, board: Board, key: int) -> int:
        """Chooses an action."""
        self._player.reset(key)
        return int((await run_in_threadpool(self._player.choose, np.array([board.position])))[0])


routes = [Route("/api/1/move", move, methods=["POST"])]
