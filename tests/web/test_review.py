"""Reviews over HTTP, by the solution and by searches."""

import asyncio
import json
from contextlib import aclosing

import pytest
from starlette.datastructures import State
from starlette.testclient import TestClient

from pylos.analysis.review import (
    Opinion,
    PlayedTurn,
    played_turns,
    positions_of,
    review_by_truth,
    whole_turns,
)
from pylos.analysis.service import SearchService, load_agent
from pylos.game.board import Board
from pylos.kernels.randomness import draw_below
from pylos.solution.tablebase import Tablebase
from pylos.web.app import make_app
from pylos.web.review import _search_all

STANDARD = "wwwbwbbbwwbwwwbb/bwbwwwbbb/.b.b/. b 0"
"""Black wins, but not with 3B1, which lets white win at once."""
MINI = "................/bbwwwb.ww/bb../. w 0"
"""White wins, but not with 3B2."""


def random_board(key: int, rules: str) -> Board:
    """The end of a random game."""
    board = Board(rules)
    while not board.is_over and len(board.actions) < 150:
        legal = board.legal_actions
        board.push(int(legal[draw_below(key, len(board.actions), len(legal))]))
    return board


def after(board: Board, actions: list[int]) -> Board:
    board = board.copy()
    for action in actions:
        board.push(action)
    return board


def wins_in_one(board: Board) -> list[list[int]]:
    return [actions for actions in whole_turns(board).values() if after(board, actions).is_over]


@pytest.fixture(scope="module")
def client():
    with TestClient(make_app(), base_url="http://127.0.0.1") as client:
        yield client


def events_of(client, **body):
    answer = client.post("/api/1/review", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]


def request_of(board: Board):
    return {"rules": board.rules, "start": None, "actions": list(board.actions)}


def test_a_solved_game_is_judged_by_the_truth(client, solved):
    board = random_board(3, "mini-standard")
    *progress, found = events_of(client, game=request_of(board))
    expected = review_by_truth(
        played_turns(Board("mini-standard"), board.actions), Tablebase("mini-standard")
    )
    assert all(event["turns"] == len(expected) and not event["done"] for event in progress)
    assert (found["done"], found["source"]) == (True, "truth")
    assert [turn["turn"] for turn in found["turns"]] == [judgement.turn for judgement in expected]
    assert [turn["verdict"] for turn in found["turns"]] == [judgement.verdict for judgement in expected]
    assert found["points"] == [(1 + value) / 2 for value in found["exact_points"]]
    assert len(found["points"]) == len(expected) + 1
    blunder = next(turn for turn in found["turns"] if turn["verdict"] == "blunder")
    turn = played_turns(Board("mini-standard"), board.actions)[blunder["number"]]
    game = request_of(turn.before)
    better, played = turn.before.copy(), len(turn.before.actions)
    better.push(blunder["best"][0])
    for end, accepted in ((better, True), (turn.after, False)):
        sent = {"game": game, "actions": list(end.actions[played:])}
        judged = client.post("/api/1/judge", json=sent).json()
        assert judged["accepted"] == accepted
        assert judged["number"] == blunder["number"]


def test_a_planted_blunder_is_found_by_the_search(client, unsolved):
    board = Board.from_text(STANDARD)
    board.push("3B1")
    blunder, punished = list(board.actions), wins_in_one(board)
    game = {"rules": "standard", "start": STANDARD, "actions": [*blunder, *punished[0]]}
    *progress, found = events_of(client, game=game)
    assert (found["source"], found["exact_points"]) == ("search", None)
    assert [turn["verdict"] in ("best", "good") for turn in found["turns"]] == [
        turn["lost"] < found["accepted_below"] for turn in found["turns"]
    ]
    assert progress[-1] == {"done": False, "turns_judged": 2, "turns": 2}
    first, second = found["turns"]
    assert (first["turn"], first["by"], first["verdict"], first["lost"]) == ("3B1", "black", "blunder", 1.0)
    assert second["verdict"] == "best"
    assert found["points"] == [0.0, 1.0, 1.0]
    better = Board.from_text(STANDARD)
    better.push(first["best"][0])
    for turn, accepted in ((better.actions, True), (blunder, False)):
        sent = {"game": {**game, "actions": []}, "actions": list(turn)}
        judged = client.post("/api/1/judge", json=sent).json()
        assert judged["accepted"] == accepted


def test_rules_without_an_agent_are_judged_by_playouts(client, unsolved):
    board = Board.from_text(MINI, "mini-standard")
    board.push("3B2")
    game = {"rules": "mini-standard", "start": MINI, "actions": list(board.actions)}
    found = events_of(client, game=game)[-1]
    assert (found["source"], found["turns"][0]["verdict"]) == ("search", "blunder")


def play_on(turns: int) -> list[PlayedTurn]:
    board = Board()
    for _ in range(turns):
        board.push(int(board.legal_actions[0]))
    return played_turns(Board(), board.actions)


class Counting(SearchService):
    """Notes how many searches were open at the same time."""

    most = 0

    def submit(self, *arguments):
        ticket = super().submit(*arguments)
        self.most = max(self.most, self.open)
        return ticket


def test_a_review_that_nobody_waits_for_ends_its_searches():
    service = SearchService()

    async def leave() -> int:
        state = State({"service": service, "reviewing": asyncio.Semaphore(4)})
        searches = _search_all(state, load_agent("rollouts", "standard"), play_on(12), {})
        async with aclosing(searches):
            await anext(searches)
            return service.open

    assert asyncio.run(leave()) > 0
    assert service.open == 0
    service.close()


def test_all_reviews_together_have_only_so_many_searches_open():
    service, turns = Counting(), play_on(6)

    async def run() -> list[dict[int, Opinion]]:
        state = State({"service": service, "reviewing": asyncio.Semaphore(2)})

        async def one() -> dict[int, Opinion]:
            opinions: dict[int, Opinion] = {}
            async for _ in _search_all(state, load_agent("rollouts", "standard"), turns, opinions):
                pass
            return opinions

        return await asyncio.gather(one(), one())

    for opinions in asyncio.run(run()):
        assert set(positions_of(turns)) <= set(opinions)
    assert service.most == 2
    service.close()


@pytest.mark.parametrize("actions", [[], [0, 1], [302]])
def test_what_is_not_one_turn_is_explained(client, unsolved, actions):
    game = {"rules": "standard", "start": None, "actions": [5]}
    answer = client.post("/api/1/judge", json={"game": game, "actions": actions})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_game_without_turns_and_an_unknown_opponent_are_explained(client, unsolved):
    empty = {"rules": "standard", "start": None, "actions": []}
    for body in ({"game": empty}, {"game": {**empty, "actions": [5]}, "opponent": "nobody"}):
        answer = client.post("/api/1/review", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]
