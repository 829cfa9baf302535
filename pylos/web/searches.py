"""Searches for the clients of the server: who judges, and the reports of a search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pylos.analysis.agents import ROLLOUTS
from pylos.analysis.service import Agent, Report, SearchRequest, SearchService, load_agent
from pylos.errors import PlayerError, PylosError
from pylos.players.naming import REFERENCE, reference_file
from pylos.web.opponents import find_opponent


async def agent_for(request: Request, rules: str, opponent: str | None) -> Agent:
    """Who judges positions for a client: the network of an opponent, else the agent that ships.

    Args:
        request: of the client.
        rules: the name of the rule set.
        opponent: its id; None, and an opponent that has no network, stand for the agent that ships. Where none does,
            random playouts judge.

    Raises:
        PlayerError: there is no such opponent, or it plays by other rules.
        CheckpointError: its checkpoint is missing, damaged or not ours.
        RulesError: there is no such rule set.
    """

    def load() -> Agent:
        text = (
            find_opponent(request.app.state.settings, rules, opponent).agent if opponent is not None else None
        )
        return load_agent(text or usual_agent(rules), rules)

    return await run_in_threadpool(load)


def usual_agent(rules: str) -> str:
    """The text of the agent that judges positions where nobody asks for another one."""
    try:
        reference_file(rules)
    except PlayerError:
        return ROLLOUTS
    return REFERENCE


async def reports(service: SearchService, search: SearchRequest) -> AsyncGenerator[Report, None]:
    """The reports of a search: the first, and of those that wait then the newest. The search ends with the generator.

    Raises:
        BusyError: too many searches are open.
        PylosError: the search failed.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Report] = asyncio.Queue()

    def take(report: Report) -> None:
        loop.call_soon_threadsafe(waiting.put_nowait, report)

    ticket = service.submit(search, take)
    try:
        begun = done = False
        while not done:
            report = await waiting.get()
            while begun and not waiting.empty():
                report = waiting.get_nowait()
            begun = True
            if report.error is not None:
                raise PylosError(report.error)
            done = report.done
            yield report
    finally:
        ticket.cancel()


async def last_report(service: SearchService, search: SearchRequest) -> Report:
    """What a search has found in the end; see `reports`."""
    async with aclosing(reports(service, search)) as found:
        async for report in found:
            if report.done:
                return report
    raise AssertionError("a search ends with a report that says so")
