"""Answers that take a while end with their work, with their client, or with the server."""

import asyncio
import contextlib

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pylos.errors import BusyError, PositionError
from pylos.web import streams
from pylos.web.settings import Settings
from pylos.web.streams import CLIENT_GONE, EventStream, Waiting, while_waiting


class Client:
    """One client of an application: it can leave, and notes what it gets."""

    def __init__(self, waiting=None):
        self.left = asyncio.Event()
        self.messages = []
        app = Starlette()
        app.state.settings = Settings()
        app.state.waiting = self.waiting = waiting or Waiting()
        self.request = Request({"type": "http", "app": app, "method": "GET", "headers": []}, self.receive)

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.messages.append(message)

    async def take(self, response: Response):
        await response(self.request.scope, self.receive, self.send)

    @property
    def text(self):
        return b"".join(message.get("body", b"") for message in self.messages).decode()


class Work:
    """Work without an end, which notes that it was cancelled."""

    def __init__(self):
        self.begun, self.ended = asyncio.Event(), False

    async def run(self):
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True

    async def events(self):
        yield {"simulations": 0}
        await self.run()


async def when_begun(work, do):
    await work.begun.wait()
    do()


@pytest.mark.parametrize("end", ["client leaves", "server ends"])
def test_work_is_cancelled(end):
    async def check():
        client, work = Client(), Work()
        do = client.left.set if end == "client leaves" else client.waiting.close
        answer, _ = await asyncio.gather(while_waiting(client.request, work.run()), when_begun(work, do))
        assert answer.status_code == CLIENT_GONE
        assert work.ended
        assert client.waiting.count == 0

    asyncio.run(check())


@pytest.mark.parametrize("end", ["client leaves", "server ends"])
def test_a_stream_is_cancelled(end):
    async def check():
        client, work = Client(), Work()
        do = client.left.set if end == "client leaves" else client.waiting.close
        stream = EventStream(client.request, work.events())
        await asyncio.gather(client.take(stream), when_begun(work, do))
        last = '{"done":true,"error":"the server was ended"}'  # a client that has left does not get it
        assert client.text == f'data: {{"simulations":0}}\n\ndata: {last}\n\n'
        assert not client.messages[-1]["more_body"]
        assert work.ended
        assert client.waiting.count == 0

    asyncio.run(check())


def test_a_task_that_is_cancelled_takes_its_work_with_it():
    async def check():
        client, work = Client(), Work()
        task = asyncio.create_task(client.take(EventStream(client.request, work.events())))
        await work.begun.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert work.ended

    asyncio.run(check())


def test_answers_and_errors_pass():
    async def answer(result):
        if isinstance(result, Exception):
            raise result
        return JSONResponse(result)

    async def check():
        client = Client()
        assert (await while_waiting(client.request, answer([1]))).body == b"[1]"
        with pytest.raises(PositionError, match="bad"):
            await while_waiting(client.request, answer(PositionError("bad")))
        assert client.waiting.count == 0

    asyncio.run(check())


def test_a_stream_tells_an_error_by_status_before_its_first_event_and_by_an_event_afterwards():
    async def events(good):
        for number in range(good):
            yield {"number": number}
        raise PositionError("bad")

    async def check():
        client = Client()
        with pytest.raises(PositionError):
            await client.take(EventStream(client.request, events(0)))
        assert client.messages == []
        await client.take(EventStream(client.request, events(1)))
        assert client.text == 'data: {"number":0}\n\ndata: {"done":true,"error":"bad"}\n\n'
        start = client.messages[0]
        assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
        assert not client.messages[-1]["more_body"]

    asyncio.run(check())


def test_only_so_many_may_wait(monkeypatch):
    monkeypatch.setattr(streams, "MOST_WAITING", 1)

    async def check():
        first, work = Client(), Work()
        second = Client(first.waiting)

        async def try_second():
            await work.begun.wait()
            with pytest.raises(BusyError, match="too many"):
                await while_waiting(second.request, work.run())
            first.left.set()

        await asyncio.gather(while_waiting(first.request, work.run()), try_second())

    asyncio.run(check())
