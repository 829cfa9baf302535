import pytest
from starlette.testclient import TestClient

from pylos.web.app import make_app


@pytest.fixture(scope="module")
def client():
    return TestClient(make_app(), base_url="http://127.0.0.1")


def post(client, path, **body):
    return client.post(f"/api/1/{path}", json=body)


def test_the_positions_of_a_game(client):
    found = post(client, "position", game={"rules": "standard", "actions": [5, 6]}).json()
    assert [turn["turn"] for turn in found["turns"]] == ["1B2", "1B3"]
    assert found["state"]["text"] == ".....wb........./........./..../. w 0"
    assert found["first"]["ply"] == 0


def test_an_illegal_action_is_explained(client):
    answer = post(client, "position", game={"rules": "standard", "actions": [5, 5]})
    assert answer.status_code == 400
    assert "occupied" in answer.json()["error"]
