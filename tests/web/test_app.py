"""The application: pages, static files, and errors as one sentence."""

import pytest
from starlette.testclient import TestClient

from pylos.web.app import make_app


@pytest.fixture(scope="module")
def client():
    return TestClient(make_app(), base_url="http://127.0.0.1")


@pytest.mark.parametrize("path", ["/", "/puzzles", "/runs", "/static/css/theme.css", "/static/js/api.js"])
def test_pages_and_files_are_sent_once(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/../app.py", "/static/%2e%2e/app.py", "/api/2/info", "/static/"]
)
def test_what_is_not_there_is_one_sentence(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("there is nothing at /")


def test_the_wrong_method_is_refused(client):
    answer = client.get("/api/1/position")
    assert answer.status_code == 405
    assert answer.json() == {"error": "GET is not what /api/1/position answers"}


def test_an_illegal_action_is_explained_without_the_position(client):
    answer = client.post("/api/1/position", json={"game": {"rules": "standard", "actions": [5, 5]}})
    assert answer.status_code == 400
    assert answer.json() == {"error": "1B2 is not legal: 1B2 is occupied"}
