"""The application: pages, static files, and errors as one sentence."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.serving import client_of


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


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("push", {"game": {"rules": "standard", "actions": [5]}, "text": "1B2"}),
        ("parse", {"rules": "standard", "text": "hello"}),
    ],
)
def test_bad_input_has_status_200_where_that_is_asked_for(client, path, body):
    usual = client.post(f"/api/1/{path}", json=body)
    wish = {"Prefer": "explained"}
    asked = client.post(f"/api/1/{path}", json=body, headers=wish)
    assert (usual.status_code, asked.status_code) == (400, 200)
    assert usual.json() == asked.json()
    assert client.post("/api/1/nothing", json=body, headers=wish).status_code == 404


LEAVES = [
    None,
    True,
    0,
    -1,
    5,
    2**63,
    1.5,
    "",
    "standard",
    "x" * 200,
    "\x00",
    "white",
    [],
    {},
    [5, 6],
    [[]],
    "perfect",
]
LEAVES += ["given@1", "run:/../x@5", "level:child", "................/........./..../. w 0", "." * 30]
FIELDS = [
    "rules",
    "start",
    "actions",
    "text",
    "action",
    "opponent",
    "seed",
    "simulations",
    "cells",
    "turn",
    "tags",
]


def test_whatever_is_sent_no_answer_is_a_mistake_of_ours():
    draw = random.Random(0)

    def some_fields(names):
        return {name: draw.choice(LEAVES) for name in draw.sample(names, draw.randrange(min(6, len(names))))}

    with client_of() as client:
        paths = [
            route.path for route in client.app.routes if "POST" in (getattr(route, "methods", None) or ())
        ]
        assert len(paths) > 10
        for path in paths:
            path = path.format(rules="mini-standard", number=1)
            for _ in range(12):
                game = {"rules": "standard", "actions": draw.choice([[], [5]]), **some_fields(FIELDS[:3])}
                body = {"simulations": 8, "game": draw.choice([game, *LEAVES]), **some_fields(FIELDS)}
                answer = client.post(path, json=body)
                assert answer.status_code in (200, 400, 404), (path, body, answer.text)
                if answer.status_code != 200:
                    assert list(answer.json()) == ["error"]
                    assert len(answer.text) < 400


def test_lightning_is_never_imported(tmp_path):
    code = """
import sys
from starlette.testclient import TestClient
from pylos.web.app import make_app
from pylos.web.settings import make_settings
game = {"rules": "standard", "actions": [5]}
app = make_app(make_settings(None, None, None, sys.argv[1], "127.0.0.1"), warm=True)
with TestClient(app, base_url="http://127.0.0.1") as client:
    for path in ("", "runs", "api/1/info", "api/1/opponents", "api/1/runs", "api/1/runs/reference",
                 "api/1/puzzles?rules=mini-children"):
        assert client.get(f"/{path}").status_code == 200, path
    for path, body in {
        "move": {"opponent": "level:child"}, "analyse": {"simulations": 8}, "hint": {}, "truth": {}, "review": {},
    }.items():
        assert client.post(f"/api/1/{path}", json={"game": game, **body}).status_code == 200, path
print(*sys.modules)
"""
    runs = Path(__file__).parents[2] / "lightning_logs"
    command = [sys.executable, "-c", code, str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    modules = done.stdout.split()
    assert "pylos.web.app" in modules
    assert not [
        name
        for name in modules
        if name.partition(".")[0] in ("lightning", "pytorch_lightning", "lightning_fabric")
    ]
