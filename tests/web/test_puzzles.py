import pytest
from starlette.testclient import TestClient

from pylos.game.board import Board
from pylos.web import puzzles
from pylos.web.app import make_app
from pylos.web.puzzles import puzzles_of

RULES = "mini-standard"


@pytest.fixture(scope="module")
def client():
    return TestClient(make_app(), base_url="http://127.0.0.1")


def get(client, path):
    answer = client.get(f"/api/1/puzzles{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_there_is(client):
    found = get(client, f"?rules={RULES}")
    assert found["count"] == sum(stratum["count"] for stratum in found["strata"]) == len(puzzles_of(RULES))
    assert [stratum["name"] for stratum in found["strata"]] == ["opening", "middle", "take_back"]
    assert {"standard", "mini-mature"} <= set(found["rules"])
    assert found["ratings"][0] < found["ratings"][1]


def test_puzzles_are_made_before_somebody_asks(monkeypatch):
    monkeypatch.setattr(puzzles, "_made", {})
    puzzles.make_soon(RULES).join()
    assert list(puzzles._made) == [RULES]


def test_a_puzzle_by_number_by_rating_and_by_day(client):
    one = get(client, f"/{RULES}/7")
    assert one["game"]["start"] == one["state"]["text"]
    assert (one["number"], one["stratum"], one["rules"]) == (7, "opening", RULES)
    assert 0 < one["solved_by_policy"] < 1
    drawn = get(client, f"/next?rules={RULES}&rating=1900&stratum=take_back&seed=3")
    assert drawn["stratum"] == "take_back"
    assert drawn == get(client, f"/{RULES}/{drawn['number']}")
    assert drawn == get(client, f"/next?rules={RULES}&rating=1900&stratum=take_back&seed=3")
    day = get(client, f"/daily?rules={RULES}&date=2026-11-27")
    assert day["date"] == "2026-11-27"
    assert day["number"] == puzzles_of(RULES).daily("2026-11-27")


def test_the_agent_that_ships_rates_the_full_game(client):
    puzzles = puzzles_of("standard")
    # The share of right actions is 0.52 in this suite; the agent knows better.
    assert puzzles.solved.mean() > 0.8
    assert get(client, "/standard/1")["rating"] == puzzles.ratings[0]


def test_a_turn_is_judged_without_spoiling(client):
    puzzles, number = puzzles_of(RULES), 7
    kept = puzzles.keeping_turns(number)
    for entry in get(client, f"/{RULES}/{number}")["state"]["legal"]:
        board = Board.from_text(puzzles.board(number).text, RULES)
        board.push(entry["action"])
        if board.turn == "black":
            sent = {"actions": [entry["action"]]}
            found = client.post(f"/api/1/puzzles/{RULES}/{number}", json=sent).json()
            assert found["kept"] == (board.last_turn in kept)
            assert found.get("keeping_turns") == (kept if found["kept"] else None)
    shown = client.post(f"/api/1/puzzles/{RULES}/{number}", json={"reveal": True}).json()
    assert shown == {"value": puzzles.value(number), "keeping_turns": kept}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("?rules=chess", 400),
        ("/next?rules=mini-standard&stratum=end", 400),
        ("/next?rules=mini-standard&stratum=late", 404),
        ("/next?rules=mini-standard&rating=x", 400),
        ("/next?rules=mini-standard&seed=1.5", 400),
        ("/daily?rules=mini-standard&date=yesterday", 400),
        ("/chess/1", 404),
        ("/mini-standard/0", 404),
        ("/mini-standard/-1", 404),
        ("/mini-standard/100000", 404),
    ],
)
def test_bad_addresses_are_explained(client, path, status):
    answer = client.get(f"/api/1/puzzles{path}")
    assert answer.status_code == status
    assert answer.json()["error"]


def test_seeds_are_natural_numbers(client):
    answer = client.get(f"/api/1/puzzles/next?rules={RULES}&seed=-5")
    assert answer.json()["error"].startswith("seed must be a whole number from 0 to ")


BODIES = ({}, {"actions": []}, {"actions": [302]}, {"actions": [0, 1, 2, 3]}, {"actions": "1A1"})


@pytest.mark.parametrize("body", BODIES)
def test_what_is_no_turn_is_explained(client, body):
    answer = client.post(f"/api/1/puzzles/{RULES}/7", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
