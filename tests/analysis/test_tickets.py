"""Requests are checked, and reports come when they are due."""

from __future__ import annotations

import pytest

from pylos.analysis import tickets
from pylos.analysis.tickets import SearchRequest, Ticket
from pylos.errors import ConfigurationError
from tests.support.searching import hashed_agent


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulations": -1}, "simulations must be a whole number from 0 to 20000, got -1"),
        ({"simulations": 20_001}, "simulations must be"),
        ({"simulations": True}, "simulations must be"),
        ({"simulations": 5, "report_every": "x"}, "report_every must be"),
        ({"simulations": 5, "root": "best"}, "root must be puct or gumbel, got 'best'"),
    ],
)
def test_nonsense_is_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        SearchRequest(0, hashed_agent(), **options)


class Owner:
    """Notes who was cancelled."""

    def __init__(self):
        self.cancelled = []

    def cancel(self, ticket):
        self.cancelled.append(ticket)


def test_a_ticket_is_cancelled_by_its_owner():
    owner = Owner()
    ticket = Ticket(SearchRequest(0, hashed_agent(), 5), print, owner)
    ticket.cancel()
    assert owner.cancelled == [ticket]


def test_searches_stream_if_they_report_before_their_end():
    for options, streams in (({}, False), ({"reports": True}, True), ({"report_every": 3}, True)):
        assert Ticket(SearchRequest(0, hashed_agent(), 5, **options), print, Owner()).streams == streams


def due(options, most, monkeypatch, seconds_each=0.0):
    now = 100.0
    monkeypatch.setattr(tickets.time, "monotonic", lambda: now)
    ticket = Ticket(SearchRequest(0, hashed_agent(), most, **options), print, Owner())
    times = []
    for simulations in range(most + 1):
        now += seconds_each
        if ticket.wants_report(simulations):
            times.append(simulations)
    return times


def test_reports_are_due_at_doubles_and_twice_a_second(monkeypatch):
    assert due({"reports": True}, 1000, monkeypatch) == [0, 64, 128, 256, 512]
    assert due({"reports": True}, 200, monkeypatch, 0.01) == [0, 50, 64, 114, 128, 178]
    assert due({"report_every": 30}, 100, monkeypatch, 0.1) == [30, 60, 90]
    assert due({}, 100, monkeypatch, 0.1) == []
