"""The thread that searches: it sleeps without work, holds no trees then, and has a pool for each size of search."""

from __future__ import annotations

import time

from pylos.analysis.tickets import SearchRequest, Ticket
from pylos.analysis.worker import SIZES, Worker
from pylos.game.position import START
from tests.support.searching import SECONDS, Gate, Reports, hashed_agent


def ask(worker: Worker, agent, simulations: int) -> Reports:
    reports = Reports()
    worker.add(Ticket(SearchRequest(START, agent, simulations), reports, lambda: None))
    return reports


def wait_for(condition) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_it_holds_trees_only_while_it_searches():
    worker, gate = Worker(), Gate()
    agent = hashed_agent(evaluate=gate)
    short, long = ask(worker, agent, 8), ask(worker, agent, 600)
    gate.wait()
    assert set(worker._lanes) == {agent}
    gate.open()
    assert short.last().simulations == 8
    assert long.last().simulations == 600
    wait_for(lambda: not worker._lanes)
    batches = len(gate.sizes)
    time.sleep(0.02)
    assert len(gate.sizes) == batches
    assert ask(worker, agent, 600).last().simulations == 600  # it wakes up
    worker.close()
    assert not worker._thread.is_alive()


def test_pools_are_chosen_by_size():
    worker, gate = Worker(), Gate()
    agent = hashed_agent(evaluate=gate)
    asked = [ask(worker, agent, n) for n in (0, 64, 65, 512, 513, 20_000)]
    gate.wait()
    gate.open(2)
    gate.wait()
    gate.wait()
    lanes = {size: len(lane.running) for size, lane in worker._lanes[agent].items()}
    assert lanes == {SIZES[0]: 1, SIZES[1]: 2, SIZES[2]: 2}  # the one without simulations is finished
    assert asked[0].last().simulations == 0
    gate.open()
    worker.close()
    assert asked[5].last().error == "the search was ended"


def test_a_pool_for_which_there_is_no_memory_fails_its_search_alone(monkeypatch):
    def none(*arguments):
        raise MemoryError("no room")

    worker = Worker()
    with monkeypatch.context() as patch:
        patch.setattr("pylos.analysis.worker.SearchPool", none)
        assert ask(worker, hashed_agent(), 8).last().error == "the search failed (MemoryError: no room)"
    assert ask(worker, hashed_agent(), 8).last().simulations == 8
    worker.close()
