"""The examples of docs/web.md are answered as it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pylos.web.app import make_app
from pylos.web.security import HEADERS
from pylos.web.settings import Settings
from tests.support.serving import client_of

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "web.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```http\n(\w+) (\S+)\n(.*?)```\n```(\w+) ?(\d*)\n(.*?)```", DOCUMENT, flags=re.DOTALL)
REST = "..."
"""Stands for any value; at the end of a list, and as a name of an object, for any others."""


def assert_like(found: Any, wanted: Any, where: str = "answer") -> None:
    if wanted == REST:
        return
    if isinstance(wanted, dict):
        assert isinstance(found, dict), where
        if REST in wanted:
            assert wanted.keys() - {REST} <= found.keys(), where
        else:
            assert wanted.keys() == found.keys(), where
        for name in wanted.keys() - {REST}:
            assert_like(found[name], wanted[name], f"{where}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), where
        known = wanted[:-1] if wanted[-1:] == [REST] else wanted
        assert len(found) == len(known) or (len(found) > len(known) < len(wanted)), where
        for index, value in enumerate(known):
            assert_like(found[index], value, f"{where}[{index}]")
    else:
        assert found == wanted, where


@pytest.fixture(scope="module")
def client(solved_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYLOS_HOME", str(solved_folder))
        with client_of(Settings(runs=ROOT / "lightning_logs")) as running:
            yield running


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status", "wanted"),
    EXAMPLES,
    ids=[f"{number}-{example[1].removeprefix('/api/1/')}" for number, example in enumerate(EXAMPLES)],
)
def test_an_example(client, method, path, body, kind, status, wanted):
    answer = client.request(method, path, json=json.loads(body) if body else None)
    assert answer.status_code == int(status or 200), answer.text
    if kind == "json":
        assert_like(answer.json(), json.loads(wanted))
        return
    sent, shown = (
        [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line]
        for text in (answer.text, wanted)
    )
    assert_like(sent[0], shown[0])
    assert_like(sent[-1], shown[-1])


def test_every_endpoint_is_described():
    paths = {route.path for route in make_app().routes if route.path.startswith("/api/")}
    assert len(paths) > 15
    for path in paths:
        known = re.escape(path).replace(r"\{rules\}", "R").replace(r"\{number\}", "NUMBER")
        known = re.sub(r"\\\{name:?\w*\\\}", "NAME", known)
        assert re.search(rf"`(GET|POST) {known}[`?]", DOCUMENT), path


def test_the_policy_is_as_strict_as_it_says():
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
