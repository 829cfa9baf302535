"""Answers that take a while: they end when they are ready, when their client leaves, or when the server ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pylos.errors import BusyError, PylosError
from pylos.web.sentences import sentence
from pylos.web.settings import Settings

MOST_WAITING = 256
"""How many clients may wait at the same time for streams and moves."""
CLIENT_GONE = 499
"""The status of an answer that nobody reads."""

Answer = TypeVar("Answer")


class Waiting:
    """The clients that wait for an answer which takes a while."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._tasks)

    def close(self) -> None:
        """Ends all of them."""
        for task in self._tasks:
            task.cancel()

    async def run(self, receive: Receive, work: Coroutine[Any, Any, Answer]) -> Answer | None:
        """Does work for a client.

        Args:
            receive: the client's messages.
            work: what to do; it is cancelled as soon as the client has left.

        Returns:
            What the work returns; None if it was cancelled.

        Raises:
            BusyError: too many clients wait.
        """
        if self.count >= MOST_WAITING:
            work.close()
            raise BusyError("too many clients are waiting here: try again later")
        task = asyncio.create_task(work)
        leaves = asyncio.create_task(_disconnect(receive))
        self._tasks.add(task)
        try:
            await asyncio.wait((task, leaves), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in (task, leaves):
                one.cancel()
            await asyncio.wait((task, leaves))
            self._tasks.discard(task)
        return None if task.cancelled() else task.result()


async def while_waiting(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """The answer that takes a while to find; an empty one if the client has left.

    Raises:
        BusyError: too many clients wait.
    """
    waiting: Waiting = request.app.state.waiting
    answer = await waiting.run(request.receive, work)
    return Response(status_code=CLIENT_GONE) if answer is None else answer


class EventStream(Response):
    """Server-sent events. Each is an object as JSON.

    The answer begins with the first event, so an error before it is an error of the request, with its status. A later
    one is an event with `error`, the last one.

    Args:
        request: the request.
        events: the events. They are closed when the client leaves.
    """

    media_type = "text/event-stream"

    def __init__(self, request: Request, events: AsyncGenerator[dict[str, Any], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._waiting: Waiting = request.app.state.waiting
        self._settings: Settings = request.app.state.settings
        self._events = events
        self._begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events."""
        if not await self._waiting.run(receive, self._send(send)):
            # The server ends. Or the client has left, and what is sent goes nowhere.
            await self._send_event(send, {"done": True, "error": "the server was ended"})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send) -> bool:
        try:
            async with contextlib.aclosing(self._events) as events:
                async for event in events:
                    await self._send_event(send, event)
        except PylosError as error:
            if not self._begun:
                raise
            await self._send_event(send, {"done": True, "error": sentence(error, self._settings)})
        return True

    async def _send_event(self, send: Send, event: dict[str, Any]) -> None:
        data = json.dumps(event, allow_nan=False, separators=(",", ":"))
        if not self._begun:
            self._begun = True
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
