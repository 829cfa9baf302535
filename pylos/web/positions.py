"""Games and positions: replayed, moved on and set up by hand."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.errors import PositionError
from pylos.game.board import Board
from pylos.game.explanations import why_impossible
from pylos.game.position import NUM_CELLS, SIDES, pack
from pylos.system.options import Range
from pylos.web.bodies import Body, read_body, refuse
from pylos.web.states import ACTION_IDS, Game, play_turns, replay, start_board, state_of

_PENDING = Range(int, 0, 2)


async def position(request: Request) -> Response:
    """Answers POST /api/1/position: every turn of a game, with its positions."""
    body = await read_body(request)
    return await run_in_threadpool(_position, body.game())


def _position(game: Game) -> Response:
    board = start_board(game)
    first = state_of(board)
    turns = play_turns(board, game.actions)
    return JSONResponse({"state": state_of(board), "first": first, "turns": turns})


async def push(request: Request) -> Response:
    """Answers POST /api/1/push: what an action, or a turn as it was typed, leads to."""
    body = await read_body(request)
    board = replay(body.game())
    actions = _typed(board, body.text("text")) if "text" in body else [body.whole("action", ACTION_IDS)]
    turns = play_turns(board, actions)
    return JSONResponse(
        {
            "actions": [action for turn in turns for action in turn["actions"]],
            "states": [state for turn in turns for state in turn["states"]],
            "turn": turns[-1]["turn"],
            "turn_over": turns[-1]["complete"],
        }
    )


def _typed(board: Board, text: str) -> list[int]:
    """The actions of a turn that somebody typed. Blanks are skipped."""
    text = "".join(text.split())
    if not text:
        refuse("type a turn, such as 1B2, 1B2^2A1 or 1B2-1A1")
    after = board.copy()
    after.push(text)
    return list(after.actions[len(board.actions) :])


async def setup(request: Request) -> Response:
    """Answers POST /api/1/setup: a position that was set up ball by ball, or why it cannot be."""
    body = await read_body(request)
    board = Board.from_position(_set_up(body), body.rules())
    return JSONResponse({"text": board.text, "state": state_of(board)})


def _set_up(body: Body) -> int:
    rules, cells, turn = body.rules(), body.text("cells"), body.text("turn")
    if len(cells) != NUM_CELLS or set(cells) - set(".wb"):
        refuse(f"cells must be {NUM_CELLS} characters, each '.', 'w' or 'b'")
    if turn not in SIDES:
        refuse("turn must be white or black")
    white, black = (sum(1 << cell for cell in range(NUM_CELLS) if cells[cell] == ball) for ball in "wb")
    own, opponent = (white, black) if turn == "white" else (black, white)
    position = pack(own, opponent, body.whole("pending", _PENDING, 0), SIDES.index(turn))
    if reason := why_impossible(position, rules):
        raise PositionError(f"{reason[0].upper()}{reason[1:]}.")
    return position


routes = [
    Route("/api/1/position", position, methods=["POST"]),
    Route("/api/1/push", push, methods=["POST"]),
    Route("/api/1/setup", setup, methods=["POST"]),
]
