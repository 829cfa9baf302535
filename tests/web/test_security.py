"""Strangers are refused, requests are bounded, and every answer has its headers."""

import asyncio
import json

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pylos.web import security
from pylos.web.app import make_app
from pylos.web.security import HEADERS, MOST_BYTES, MOST_BYTES_OF_TEXT, Guard, host_name, is_everywhere
from pylos.web.settings import Settings

PAGE = {"host": "127.0.0.1:7575"}
START = json.dumps({"game": {"rules": "standard"}}).encode()


def client(host="127.0.0.1", app=None):
    app = app or make_app(Settings(host=host))
    return TestClient(app, base_url="http://127.0.0.1:7575", raise_server_exceptions=False)


def refusal(answer, status):
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "LOCALHOST:7575", "[::1]:7575", "127.0.0.1:1"])
def test_this_machine_by_its_names(host):
    assert client().get("/api/1/opponents", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:7575",
        "192.168.1.5",
        "[::2]",
        "a@b",
    ],
)
def test_a_foreign_host_is_refused(host):
    assert "not served here" in refusal(client().get("/", headers={"host": host}), 403)


def test_a_request_has_one_host():
    hosts = [("host", "127.0.0.1"), ("host", "evil.example")]
    refusal(client().get("/", headers=hosts), 403)


def test_a_server_for_all_takes_numbers_but_no_foreign_names():
    everywhere = client("0.0.0.0")
    for host in ("192.168.1.5:7575", "[fe80::1]", "localhost"):
        assert everywhere.get("/", headers={"host": host}).status_code == 200
    refusal(everywhere.get("/", headers={"host": "evil.example"}), 403)
    named = client("pylos.local")
    assert named.get("/", headers={"host": "Pylos.local:80"}).status_code == 200
    refusal(named.get("/", headers={"host": "192.168.1.5"}), 403)


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "https://127.0.0.1:7575", "http://127.0.0.1:8080"]
)
def test_a_foreign_origin_is_refused(origin):
    headers = {**PAGE, "origin": origin}
    refusal(client().get("/api/1/opponents", headers=headers), 403)
    refusal(
        client().post(
            "/api/1/position", content=START, headers={**headers, "content-type": "application/json"}
        ),
        403,
    )


def test_the_page_itself_may_ask():
    headers = {**PAGE, "origin": "http://127.0.0.1:7575", "content-type": "application/json; charset=utf-8"}
    assert client().post("/api/1/position", content=START, headers=headers).status_code == 200


def test_other_sites_may_link_to_the_page_but_not_ask():
    for site in ("cross-site", "same-site"):
        assert client().get("/", headers={"sec-fetch-site": site}).status_code == 200
        refusal(client().get("/api/1/opponents", headers={"sec-fetch-site": site}), 403)
    for site in ("same-origin", "none"):
        assert client().get("/api/1/opponents", headers={"sec-fetch-site": site}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_post_is_json(kind):
    answer = client().post("/api/1/position", content=START, headers={"content-type": kind})
    assert "application/json" in refusal(answer, 415)


@pytest.mark.parametrize(
    "path", ["/", "/api/1/opponents", "/static/js/api.js", "/nothing", "/api/1/position"]
)
def test_every_answer_has_the_headers(path):
    for headers in (PAGE, {"host": "evil.example"}):
        answer = client().get(path, headers=headers)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert answer.headers["cache-control"] == "no-cache"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_a_mistake_of_ours_is_no_traceback():
    app = make_app()
    del app.state.settings
    answer = client(app=app).get("/api/1/opponents")
    assert "made a mistake" in refusal(answer, 500)
    assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


def chunks(size):
    for _ in range(size // 1000):
        yield b" " * 1000


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_bounded(chunked):
    def size_of(size, path="position"):
        content = chunks(size) if chunked else b" " * size
        headers = {"content-type": "application/json"}
        return client().post(f"/api/1/{path}", content=content, headers=headers)

    assert "is no JSON" in refusal(size_of(MOST_BYTES - 1000), 400)
    assert "too long" in refusal(size_of(MOST_BYTES + 2000), 413)
    assert "is no JSON" in refusal(size_of(MOST_BYTES + 2000, "parse"), 400)
    assert "too long" in refusal(size_of(MOST_BYTES_OF_TEXT + 2000, "parse"), 413)
    headers = {"content-type": "application/json", "content-length": "9" * 5000}
    refusal(client().post("/api/1/position", content=b"{}", headers=headers), 413)


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(security, "BODY_SECONDS", 0.01)
    sent = []

    async def receive():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-length", b"5"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/api/1/push", "headers": headers}
    asyncio.run(Guard(make_app(), "127.0.0.1")(scope, receive, send))
    assert sent[0]["status"] == 408


def test_a_body_reaches_the_application_whole_and_then_the_leaving_of_the_client():
    async def echo(request):
        body = await request.json()
        return JSONResponse({"body": body, "gone": await request.is_disconnected()})

    app = Starlette(routes=[Route("/", echo, methods=["POST"])])
    found = client(app=Guard(app, "127.0.0.1")).post("/", json={"a": "b" * 5000}).json()
    assert found["body"] == {"a": "b" * 5000}


def test_websockets_are_not_answered():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(make_app(), "127.0.0.1")({"type": "websocket"}, None, send))
    assert sent == []


def test_names_of_hosts():
    assert [host_name(host) for host in ("A.b:80", "[::1]:80", "[::1]", "x")] == ["a.b", "::1", "::1", "x"]
    assert is_everywhere("0.0.0.0")
    assert is_everywhere("::")
    assert not is_everywhere("127.0.0.1")
    assert not is_everywhere("localhost")
