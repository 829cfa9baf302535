"""Requests are read strictly; every mistake is one sentence."""

import json

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from pylos.system.options import Range
from pylos.web.app import make_app
from pylos.web.bodies import Body


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[" * 50_000, "nested too deep"),
        (b'{"a": ' * 10_000, "nested too deep"),
        (b'{"game": NaN}', "NaN is not a number"),
        (b'{"game": -Infinity}', "-Infinity is not a number"),
        (b"9" * 5000, "is no JSON"),
        (b"[]", "must be a JSON object, got []"),
        (b"null", "must be a JSON object, got nothing"),
        (b"{}", "a game is {"),
        (json.dumps({"game": 1e400}).replace("Infinity", "1e999").encode(), "a game is {"),
    ],
)
def test_what_is_no_request(body, part):
    client = TestClient(make_app(), base_url="http://127.0.0.1")
    answer = client.post("/api/1/position", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert part in answer.json()["error"]
    assert len(answer.json()["error"]) < 200


VALUES = {"text": "a", "number": 3, "list": [1, 2], "flag": True, "texts": {"a": "b"}, "null": None}


def test_fields_of_the_right_kind():
    body, small = Body(VALUES), Range(int, 0, 5)
    assert body.text("text") == "a"
    assert body.text_or_none("null") is None
    assert body.whole("number", small) == 3
    assert body.whole("missing", small, 4) == 4
    assert body.wholes("list", small, 2) == [1, 2]
    assert body.flag("flag")
    assert not body.flag("missing")
    assert body.texts("texts") == {"a": "b"}
    assert body.texts("missing") == {}
    assert "null" not in body
    assert "text" in body


@pytest.mark.parametrize(
    "read",
    [
        lambda body: body.text("number"),
        lambda body: body.text("missing"),
        lambda body: body.text_or_none("number"),
        lambda body: body.whole("text", Range(int, 0, 5)),
        lambda body: body.whole("number", Range(int, 0, 2)),
        lambda body: body.whole("flag", Range(int, 0, 2)),
        lambda body: body.wholes("list", Range(int, 0, 1), 2),
        lambda body: body.wholes("list", Range(int, 0, 5), 1),
        lambda body: body.wholes("text", Range(int, 0, 5), 1),
        lambda body: body.flag("number"),
        lambda body: body.texts("list"),
        lambda body: Body({"texts": {"a": 1}}).texts("texts"),
    ],
)
def test_fields_of_another_kind(read):
    with pytest.raises(HTTPException) as error:
        read(Body(VALUES))
    assert error.value.status_code == 400
    assert "must be" in error.value.detail
