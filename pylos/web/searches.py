"""Searches for the clients of the server: the reports of one, and the agents that judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pylos.analysis.agents import REFERENCE_OR_ROLLOUTS
from pylos.analysis.service import Agent, Report, SearchRequest, SearchService, load_agent
from pylos.errors import PylosError
from pylos.web.opponents import find_opponent


async def reports(service: SearchService, search: SearchRequest) -> AsyncGenerator[Report, None]:
    """The reports of a search, the newest of those that wait. The search ends with the generator.

    Raises:
        BusyError: too many searches are open.
        PylosError: the search failed.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Report] = asyncio.Queue()
    ticket = service.submit(search, lambda report: loop.call_soon_threadsafe(waiting.put_nowait, report) and None)
    try:
        while True:
            report = await waiting.get()
            while not waiting.empty():
                report = waiting.get_nowait()
            if report.error is not None:
                raise PylosError(report.error)
            yield report
            if report.done:
                return
    finally:
        ticket.cancel()
