"""Analyses that grow, exact values and hints."""

import asyncio
import json
import threading

import pytest

from pylos.analysis.rows import analyse
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.players.levels import levels
from pylos.solution.tablebase import Tablebase
from pylos.web.analyses import HINT_SIMULATIONS
from tests.support.boards import random_game
from tests.support.serving import client_of

SQUARE = "ww..ww..bbb...../........./..../. w 2"


@pytest.fixture(scope="module")
def client():
    with client_of() as running:
        yield running


def game(board=None, start=None, rules="standard"):
    return {
        "rules": board.rules if board else rules,
        "start": start,
        "actions": list(board.actions) if board else [],
    }


def events(client, **body):
    answer = client.post("/api/1/analyse", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert all(part.startswith("data: ") for part in answer.text.split("\n\n")[:-1])
    return [json.loads(part[6:]) for part in answer.text.split("\n\n")[:-1]]


def test_a_long_search_waits_for_others_and_says_so(client, solved):
    state = client.app.state
    places, state.long_searches = state.long_searches, asyncio.Semaphore(0)
    try:
        release = threading.Timer(0.3, client.portal.call, [state.long_searches.release])
        release.start()
        first, *rest = events(client, game=game(rules="mini-mature"), simulations=600)
    finally:
        state.long_searches = places
    assert (first["waiting"], first["simulations"], first["done"], first["win"]) == (True, 0, False, None)
    assert {row["exact"] for row in first["rows"]} <= {-1, 0, 1}
    assert "waiting" not in rest[0]
    assert rest[-1]["done"]


def error_of(answer):
    assert answer.status_code == 400
    return answer.json()["error"]


def test_an_analysis_grows(client):
    found = events(client, game=game(), simulations=200)
    assert next(event["simulations"] for event in found) == 0
    assert [event["done"] for event in found] == [False] * (len(found) - 1) + [True]
    first, last = found[0], found[-1]
    assert sum(row["prior"] for row in first["rows"]) == pytest.approx(1)
    assert sum(row["visits"] for row in last["rows"]) == 200
    assert last["rows"][0]["line"][0] == last["rows"][0]["name"]
    assert last["win"] == pytest.approx((1 + last["value"]) / 2)
    assert last["error"] is None


def test_the_chance_is_that_of_white(client):
    board = Board()
    board.push("1B2")
    last = events(client, game=game(board), simulations=16)[-1]
    assert last["win"] == pytest.approx((1 - last["value"]) / 2)


def test_exact_values_come_with_the_first_event(client, solved):
    board = random_game("mini-standard", 6, 2)
    rows = analyse(board, Tablebase("mini-standard"))
    found = events(client, game=game(board), simulations=16)
    for event in found:
        exact = {row["action"]: (row["exact"], row["distance"]) for row in event["rows"]}
        assert exact == {row.action: (row.exact, row.distance) for row in rows}
    assert found[-1]["rows"][0]["exact"] == max(row.exact for row in rows)
    truth = client.post("/api/1/truth", json={"game": game(board)}).json()
    assert truth["solved"]
    assert (truth["value"], truth["distance"]) == (rows[0].exact, rows[0].distance)
    assert [row["action"] for row in truth["rows"]] == [row.action for row in rows]


def test_what_is_not_solved_says_what_it_costs(client, unsolved):
    truth = client.post("/api/1/truth", json={"game": game()}).json()
    assert truth == {
        "solved": False,
        "command": "pylos solve --rules standard --distance",
        "time": "25 to 35 minutes on two cores",
        "disk": "3 GB",
    }


@pytest.mark.parametrize("seed", range(3))
def test_a_game_that_is_over(client, solved, seed):
    board = random_game("mini-standard", 200, seed)
    assert board.is_over
    (event,) = events(client, game=game(board), simulations=64)
    assert (event["value"], event["rows"], event["done"]) == (-1, [], True)
    assert event["win"] == (board.winner == "white")
    truth = client.post("/api/1/truth", json={"game": game(board)}).json()
    assert (truth["value"], truth["rows"]) == (-1, [])
    assert "the game is over" in error_of(client.post("/api/1/hint", json={"game": game(board)}))


def test_a_hint_by_the_solution(client, solved):
    for seed in range(8):
        board = random_game("mini-standard", 4 + seed, seed)
        if board.is_over:
            continue
        found = client.post("/api/1/hint", json={"game": game(board)}).json()
        table = Tablebase("mini-standard")
        value, distance = (int(numbers[0]) for numbers in table.probe([board]))
        assert found["exact"]
        assert found["row"]["exact"] == value
        if value:
            assert found["row"]["distance"] == distance
        words = {1: f": it wins in {distance} turn", 0: ": it keeps the draw.", -1: " loses"}
        assert words[value] in found["text"]
        assert found["line"][0].startswith(found["row"]["name"])


def test_a_hint_by_the_search_in_words(client, unsolved):
    found = client.post("/api/1/hint", json={"game": game(start=SQUARE)}).json()
    assert not found["exact"]
    assert found["text"].startswith(f"Take {found['row']['name'][1:]} back: it has the best chances, ")
    found = client.post("/api/1/hint", json={"game": game()}).json()
    assert found["text"].startswith(f"Place on {found['row']['name']}: ")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"simulations": 20_001}, "simulations must be a whole number from 0 to 20000"),
        ({"simulations": None}, "simulations must be"),
        ({"simulations": 8, "opponent": 5}, "opponent must be a text"),
        ({"simulations": 8, "opponent": "nobody"}, "there is no opponent 'nobody'"),
        ({"simulations": 8, "game": {"rules": "standard", "actions": [5, 5]}}, "1B2 is occupied"),
    ],
)
def test_bad_requests_have_a_status(client, body, part):
    answer = client.post("/api/1/analyse", json={"game": game(), **body})
    assert part in error_of(answer)


def test_a_hint_is_as_strong_as_the_strongest_level():
    assert max(level.simulations for rules in RULES for level in levels(rules)) == HINT_SIMULATIONS


def test_searches_are_told_the_game(client, monkeypatch, unsolved):
    """Of the turn of an agent, a hint, an analysis that grows and a review."""
    board, asked = random_game("standard", 6, 1), []
    service = client.app.state.service
    submit = service.submit
    monkeypatch.setattr(service, "submit", lambda search, take: asked.append(search) or submit(search, take))

    def games(path, **body):
        asked.clear()
        answer = client.post(f"/api/1/{path}", json={"game": game(board), **body})
        assert (answer.status_code, bool(answer.text)) == (200, True)
        return [(*search.earlier, search.position) for search in asked]

    assert games("analyse", simulations=4) == games("hint") == [board.positions]
    assert games("move", opponent="level:child")[0] == board.positions
    turns = {board.positions[: len(played.positions)] for played in _before_turns(board)}
    assert turns <= set(games("review"))


def _before_turns(board):
    """The boards at the beginning of each turn of a game."""
    played, boards = Board(board.rules), []
    for action in board.actions:
        if not played.pending:
            boards.append(played.copy())
        played.push(action)
    return boards
