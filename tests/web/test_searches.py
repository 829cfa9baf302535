"""The reports of searches for clients: the newest, the last, and none once nobody listens."""

import asyncio
from contextlib import aclosing
from types import SimpleNamespace

import pytest

from pylos.analysis.service import SearchRequest, SearchService, load_agent
from pylos.errors import PlayerError, PylosError
from pylos.game.position import START
from pylos.web.searches import agent_for, last_report, reports, usual_agent
from pylos.web.settings import Settings


@pytest.fixture(scope="module")
def service():
    service = SearchService()
    yield service
    service.close()


def search(simulations, rules="mini-standard", with_reports=False):
    return SearchRequest(START, load_agent("rollouts", rules), simulations, reports=with_reports)


def test_reports_grow_to_the_last(service):
    async def check():
        found = [report async for report in reports(service, search(600, with_reports=True))]
        assert [report.done for report in found] == [False] * (len(found) - 1) + [True]
        counts = [report.simulations for report in found]
        assert counts == sorted(set(counts))
        assert counts[-1] == 600
        assert (await last_report(service, search(32))).simulations == 32

    asyncio.run(check())


def test_a_search_ends_with_who_asked(service):
    async def check():
        async with aclosing(reports(service, search(20_000, with_reports=True))) as found:
            async for _ in found:
                assert service.open == 1
                break
        assert service.open == 0
        task = asyncio.create_task(last_report(service, search(20_000)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert service.open == 0

    asyncio.run(check())


def test_a_search_that_fails_is_an_error(service):
    def fail(positions):
        raise PylosError("it cannot be judged")

    agent = load_agent("rollouts", "mini-standard")
    broken = type(agent)("broken", agent.rules, "puct", fail)

    async def check():
        with pytest.raises(PylosError, match="it cannot be judged"):
            await last_report(service, SearchRequest(START, broken, 8))

    asyncio.run(check())


def test_who_judges():
    assert usual_agent("standard") == "reference"
    assert usual_agent("mini-standard") == "rollouts"
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(settings=Settings())))

    async def check():
        usual = await agent_for(request, "children", None)
        assert (usual.name, usual.rules) == ("reference", "children")
        assert await agent_for(request, "children", "perfect") is usual
        assert await agent_for(request, "children", "level:child") is usual
        with pytest.raises(PlayerError):
            await agent_for(request, "children", "nobody")

    asyncio.run(check())
