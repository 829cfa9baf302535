"""Searches that are asked for one by one: their results, batches, cancelling, failures and bounds."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from pylos.analysis.agents import load_agent
from pylos.analysis.service import SearchRequest, SearchService
from pylos.errors import BusyError, NonFiniteNetworkError, PylosError
from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.search.options import SearchOptions
from pylos.search.search import Search
from tests.support.evaluators import hashed
from tests.support.searches import row_weights, running_boards, soon_again
from tests.support.searching import Gate, Reports, hashed_agent


@pytest.fixture
def service():
    service = SearchService(most_open=20)
    yield service
    service.close()


def ask(service: SearchService, board: Board, agent, simulations: int, **options):
    reports = Reports()
    ticket = service.submit(SearchRequest(board.position, agent, simulations, **options), reports)
    return ticket, reports


@pytest.mark.parametrize("threads", [1, 2])
def test_every_search_finds_what_search_finds(threads):
    boards, agent = running_boards("standard", 8), hashed_agent()
    asked = [(board, 30 * (1 + i), "puct" if i % 3 == 1 else "gumbel") for i, board in enumerate(boards)]
    service = SearchService(threads=threads)
    collected = [ask(service, board, agent, n, root=root)[1] for board, n, root in asked]
    for (board, simulations, root), reports in zip(asked, collected, strict=True):
        report = reports.last()
        assert len(reports.all) == 1
        search = Search(1, rules_code(board.rules), SearchOptions(simulations=simulations, root=root))
        expected = search.run(np.array([board.position]), hashed, np.zeros(1, np.int64))
        assert report.value == expected.values[0]
        weights = row_weights(expected, 0)
        improved = {action: weight / sum(weights.values()) for action, weight in weights.items()}
        assert {row.action: row.improved for row in report.rows if row.improved} == improved
        found = search.first_findings()
        visits = dict(zip(found.actions.tolist(), found.visits.tolist(), strict=True))
        assert {row.action: row.visits for row in report.rows} == visits
    assert service.open == 0
    service.close()


def test_all_searches_of_an_agent_share_one_call_per_step(service):
    gate, boards = Gate(), running_boards("standard", 6)
    agent = hashed_agent(evaluate=gate)
    first = ask(service, boards[0], agent, 20)[1]
    gate.wait()  # its root is under way while the others come
    others = [
        ask(service, board, agent, n)[1] for board, n in zip(boards[1:], (20, 5, 1000, 20), strict=False)
    ]
    gate.open()
    assert [reports.last().simulations for reports in (first, *others)] == [20, 20, 5, 1000, 20]
    assert max(gate.sizes) >= 5
    assert len(gate.sizes) < 1100


def test_agents_and_rules_beside_each_other(service):
    standard, mini = hashed_agent(), load_agent("rollouts", "mini-standard")
    one = ask(service, Board(), standard, 40)[1]
    other = ask(service, Board("mini-standard"), mini, 40)[1]
    assert one.last().simulations == other.last().simulations == 40
    assert {row.name[0] for row in other.all[0].rows} == {"2"}
    assert sum(row.visits for row in other.all[0].rows) == 40


def test_a_cancelled_search_is_silent_and_soon_gone(service):
    gate = Gate()
    agent, board = hashed_agent(evaluate=gate), running_boards("standard", 1)[0]
    ticket, reports = ask(service, board, agent, 20_000, reports=True)
    waiting, unheard = ask(service, board, agent, 20_000)
    gate.wait()
    gate.open(3)
    assert reports.next().simulations == 0
    ticket.cancel()
    waiting.cancel()
    assert ticket.is_over
    assert service.open == 0
    seen = len(gate.sizes)
    gate.open()
    assert ask(service, board, agent, 1)[1].last().simulations == 1
    assert len(gate.sizes) <= seen + 4
    assert reports.is_empty
    assert unheard.is_empty


def test_too_many_searches_are_refused_and_those_that_end_make_room():
    service, gate = SearchService(most_open=2), Gate()
    agent, board = hashed_agent(evaluate=gate), Board()
    ticket, _ = ask(service, board, agent, 8)
    _, reports = ask(service, board, agent, 8)
    with pytest.raises(BusyError, match="2 searches are open"):
        ask(service, board, agent, 8)
    ticket.cancel()
    _, third = ask(service, board, agent, 8)
    gate.open()
    assert reports.last().error is third.last().error is None
    ask(service, board, agent, 8)[1].last()
    service.close()


def test_more_searches_than_rows_wait_for_one():
    service = SearchService()
    boards = running_boards("standard", 70)
    agent = hashed_agent()
    collected = [ask(service, board, agent, 600)[1] for board in boards]  # the pool has 64 rows
    assert all(reports.last().error is None for reports in collected)
    service.close()


def test_a_failed_evaluator_ends_its_searches_and_no_others(service):
    def diverged(positions):
        raise NonFiniteNetworkError("the network gives nonsense")

    def broken(positions):
        raise ZeroDivisionError("a mistake")

    gate = Gate()
    good = ask(service, Board(), hashed_agent(evaluate=gate), 30)[1]
    gate.wait()
    bad = ask(service, Board(), hashed_agent(evaluate=diverged), 30, reports=True)[1]
    worse = ask(service, Board(), hashed_agent(evaluate=broken), 30)[1]
    gate.open()
    assert bad.last().error == "the network gives nonsense"
    assert worse.last().error == "the search failed (ZeroDivisionError: a mistake)"
    assert good.last().error is None
    with pytest.raises(PylosError, match="gives nonsense"):
        service.warm_up(hashed_agent(evaluate=diverged))
    service.warm_up(hashed_agent())
    assert service.open == 0


def test_who_cannot_take_a_report_loses_its_search_only(service, capfd):
    def fail(report):
        raise RuntimeError("the tab is gone")

    service.submit(SearchRequest(Board().position, hashed_agent(), 300, reports=True), fail)
    assert ask(service, Board(), hashed_agent(), 400)[1].last().error is None
    assert service.open == 0
    assert "the tab is gone" in capfd.readouterr().err


def test_closing_tells_those_who_wait_and_ends_the_thread():
    before = set(threading.enumerate())
    service, gate = SearchService(), Gate()
    agent = hashed_agent(evaluate=gate)
    _, running = ask(service, Board(), agent, 20_000)
    gate.wait()
    gate.open()
    service.close()
    assert running.last().error == "the search was ended"
    assert set(threading.enumerate()) == before
    assert ask(service, Board(), agent, 10)[1].last().error == "the search was ended"


def test_a_search_is_told_what_came_before(service):
    boards = running_boards("mature", 4)
    history, search = (
        soon_again(boards),
        Search(1, rules_code("mature"), SearchOptions(simulations=40, root="puct")),
    )
    for row, board in enumerate(boards):
        earlier = history.positions[row, : history.counts[row]]
        report = ask(service, board, hashed_agent("mature"), 40, root="puct", earlier=earlier)[1].last()
        rows = history.rows(slice(row, row + 1))
        expected = search.run(np.array([board.position]), hashed, np.zeros(1, np.int64), rows)
        assert report.value == expected.values[0]
        assert {row.action: row.visits for row in report.rows if row.visits} == row_weights(expected, 0)
