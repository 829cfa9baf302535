"""Servers for tests, as the user starts them and in a thread."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from httpx2 import Response
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pylos.web.app import make_app
from pylos.web.settings import Settings
from tests.support.commands import ENVIRONMENT, PYLOS, hear_interrupts


@contextmanager
def played(*arguments: str, browser: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`pylos play` in a process of its own, and its address. What is left of it is killed at the end.

    Args:
        arguments: of the command.
        browser: the program that it opens as the browser.
    """
    command = [PYLOS, "play", "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ENVIRONMENT, "BROWSER": str(browser)},
        preexec_fn=hear_interrupts,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Pylos is ready at http://"), (line, process.stderr)
        yield process, line.split()[4].rstrip("/")
    finally:
        process.kill()
        process.communicate()


@contextmanager
def client_of(settings: Settings | None = None) -> Iterator[TestClient]:
    """A client of an application that runs."""
    with TestClient(make_app(settings), base_url="http://127.0.0.1") as client:
        yield client


@contextmanager
def served(app: Starlette | None = None) -> Iterator[str]:
    """The address of a server in a thread."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        running = uvicorn.Server(uvicorn.Config(app or make_app(), log_level="error", http="h11", ws="none"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        running.should_exit = True
        thread.join()


def post(client: TestClient, path: str, **body: Any) -> Response:
    """The answer to a request of the interface."""
    return client.post(f"/api/1/{path}", json=body)


def error_of(answer: Response) -> str:
    """The sentence with which bad input was refused."""
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]
