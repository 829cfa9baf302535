"""The thread that searches: it sleeps without work, soon holds no trees, and has a pool for each size of search."""

from __future__ import annotations

import queue
import time

from pylos.analysis import worker as worker_module
from pylos.analysis.tickets import SearchRequest, Ticket
from pylos.analysis.worker import SIZES, Worker
from pylos.game.position import START
from tests.support.searching import SECONDS, Gate, Reports, hashed_agent


def ask(worker: Worker, agent, simulations: int) -> Reports:
    reports = Reports()

    def take(tickets, found):
        for place in tickets:
            reports(found.one(place))

    worker.add([Ticket(SearchRequest(START, agent, simulations), take, worker)])
    return reports


def wait_for(condition) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_it_keeps_trees_only_for_a_while(monkeypatch):
    monkeypatch.setattr(worker_module, "KEPT_SECONDS", 0.3)
    worker, gate = Worker(), Gate()
    agent = hashed_agent(evaluate=gate)
    short, long = ask(worker, agent, 8), ask(worker, agent, 600)
    gate.wait()
    assert set(worker._lanes) == {agent}
    gate.open()
    assert short.last().simulations == 8
    assert long.last().simulations == 600
    assert worker._lanes
    wait_for(lambda: not worker._lanes)
    batches = len(gate.sizes)
    time.sleep(0.02)
    assert len(gate.sizes) == batches
    assert ask(worker, agent, 600).last().simulations == 600  # it wakes up
    worker.close()
    assert not worker._thread.is_alive()


def test_trees_are_given_back_beside_a_long_search(monkeypatch):
    monkeypatch.setattr(worker_module, "KEPT_SECONDS", 0.05)
    worker, agent = Worker(), hashed_agent()
    long = SearchRequest(START, agent, 20_000)
    ticket = Ticket(long, lambda tickets, reports: None, worker)
    worker.add([ticket])
    assert ask(worker, agent, 8).last().simulations == 8
    wait_for(lambda: set(worker._lanes[agent]) == {SIZES[2]})
    ticket.cancel()
    wait_for(lambda: not worker._lanes)
    assert worker.open == 0
    worker.close()


def test_last_reports_wait_for_each_other_but_not_long(monkeypatch):
    monkeypatch.setattr(worker_module, "HELD_STEPS", 8)
    worker, agent, taken = Worker(), hashed_agent(), queue.SimpleQueue()

    def take(tickets, reports):
        taken.put(sorted(reports.simulations[list(tickets)].tolist()))

    def add(*simulations):
        worker.add([Ticket(SearchRequest(START, agent, n), take, worker) for n in simulations])

    add(1, 5, 6, 12, 16, 40, 41, 42, 43)
    assert taken.get(timeout=SECONDS) == [1]  # nothing was sent before, so it need not wait
    assert taken.get(timeout=SECONDS) == [5, 6]  # eight steps later
    assert taken.get(timeout=SECONDS) == [12, 16]
    assert taken.get(timeout=SECONDS) == [40]
    assert taken.get(timeout=SECONDS) == [41, 42]  # most are finished
    assert taken.get(timeout=SECONDS) == [43]
    worker.close()


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
