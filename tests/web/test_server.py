"""Ports, addresses, the browser, and how signals end the server."""

import http.client
import json
import signal
import socket
import sys
import time
from urllib.parse import urlsplit

import pytest

from pylos.errors import ConfigurationError
from pylos.web import server
from pylos.web.app import make_app
from pylos.web.server import address_of, has_display, is_loopback, listen
from pylos.web.settings import Settings
from tests.support.commands import assert_refused, run_pylos
from tests.support.serving import played, served


def test_the_next_free_port_unless_one_was_asked_for(monkeypatch):
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        monkeypatch.setattr(server, "PORT", port)
        with listen("127.0.0.1", None) as second:
            assert second.getsockname()[1] != port
        monkeypatch.setattr(server, "_TRIES", 1)
        with listen("127.0.0.1", None) as third:
            assert third.getsockname()[1] != port
        with pytest.raises(ConfigurationError, match=f"port {port} is in use"):
            listen("127.0.0.1", port)


def test_a_host_that_is_not_ours():
    for host in ("192.0.2.1", "no.such.name.invalid"):
        with pytest.raises(ConfigurationError, match=f"cannot listen on {host}: "):
            listen(host, 0)


@pytest.mark.parametrize(("host", "loopback"), [("LOCALHOST", True), ("0.0.0.0", False)])
def test_whom_a_socket_can_be_reached_by(host, loopback):
    with listen(host, 0) as listening:
        assert is_loopback(listening) == loopback


def test_addresses():
    assert address_of("127.0.0.1", 80) == "http://127.0.0.1:80/"
    assert address_of("0.0.0.0", 80) == "http://127.0.0.1:80/"
    assert address_of("::", 80) == "http://[::1]:80/"
    assert address_of("board.local", 80) == "http://board.local:80/"


def test_a_browser_needs_a_display(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert has_display()


GAME = {"rules": "standard", "actions": []}


def begin(address, path, **body):
    """Sends a request and does not wait for its answer."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    content = json.dumps({"game": GAME, **body})
    connection.request("POST", f"/api/1/{path}", content, {"content-type": "application/json"})
    return connection


def wait_until(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("host", "number", "code"), [("127.0.0.1", signal.SIGINT, 130), ("0.0.0.0", signal.SIGTERM, 143)]
)
def test_a_signal_ends_the_server_and_its_open_streams(host, number, code, tmp_path):
    noted, program = tmp_path / "noted", tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {noted}.part && mv {noted}.part {noted}\n')
    program.chmod(0o755)
    hidden = ["--no-browser"] if host == "0.0.0.0" else []
    with played("--host", host, *hidden, browser=program) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        stream = begin(address, "analyse", simulations=20_000).getresponse()
        assert json.loads(stream.readline()[6:])["simulations"] == 0
        wait_until(lambda: hidden or noted.exists())
        process.send_signal(number)
        out, errors = process.communicate(timeout=10)
        assert process.returncode == code
        assert out == ""
        assert errors.splitlines()[-1] == "pylos: interrupted"
        assert "Traceback" not in errors
        assert "ERROR" not in errors
        assert errors.count("there is no password") == (host == "0.0.0.0")
    assert noted.exists() == (not hidden)
    assert hidden or noted.read_text().strip() == f"{address}/"


def test_searches_end_when_their_clients_leave():
    app = make_app(Settings(ckpt_path="reference"))
    with served(app) as address:
        stream = begin(address, "analyse", simulations=20_000)
        answer = stream.getresponse()
        assert json.loads(answer.readline()[6:])["simulations"] == 0
        move = begin(address, "move", opponent="given@20000")
        wait_until(lambda: app.state.service.open == app.state.waiting.count == 2)
        answer.close()
        for connection in (stream, move):
            connection.close()
        wait_until(lambda: app.state.service.open == app.state.waiting.count == 0)


def test_a_port_in_use_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused(run_pylos("play", "--port", str(port)), f"port {port} is in use")
