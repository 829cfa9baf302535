"""Reports of searches: rows, best first, and lines as turns that can be played."""

from __future__ import annotations

import numpy as np
import pytest

from pylos.analysis.reports import LINE_TURNS, failed_reports, read_reports
from pylos.analysis.rows import analyse
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.pool import SearchPool
from tests.search.test_pool import run_out
from tests.support.boards import random_game
from tests.support.networks import untrained_player
from tests.support.searches import begin, running_boards


def test_the_rows_are_those_of_an_analysis():
    player, board = untrained_player("standard", 60), running_boards("standard", 20)[17]
    pool = SearchPool(RULES["standard"], 1, 60)
    row = begin(pool, [board], 60)[0]
    run_out(pool, player.evaluator)
    report = read_reports(pool, [row], {row}).one(0)
    assert report.simulations == 60
    assert report.done
    for mine, other in zip(report.rows, analyse(board, None, player), strict=True):
        assert mine._replace(prior=None) == other._replace(prior=None)
        assert mine.prior == pytest.approx(other.prior, abs=1e-6)


@pytest.mark.parametrize("rules", ["standard", "standard-optional"])
def test_lines_are_turns_that_can_be_played(rules):
    boards, longest, taken_back = running_boards(rules, 30), 0, 0
    pool = SearchPool(RULES[rules], 30, 120)
    rows = begin(pool, boards, 120, "puct")
    run_out(pool)
    reports = read_reports(pool, rows, set(rows))
    for report, board in zip(map(reports.one, range(30)), boards, strict=True):
        assert len(report.lines) == len(report.rows) == len(board.legal_actions)
        for best, line in zip(report.rows, report.lines, strict=True):
            played = board.copy()
            for turn in line:
                played.push(turn)
            assert played.actions[len(board.actions)] == best.action
            assert len(line) <= LINE_TURNS
            assert len(line) == 1 or not played.pending  # no turn in the middle of a line is unfinished
            longest = max(longest, len(line))
            taken_back += any("-" in turn for turn in line)
    assert longest >= 4
    assert taken_back >= 10


def test_the_first_report_has_the_priors_and_a_game_that_is_over_no_rows():
    board = Board()
    pool = SearchPool(RULES["standard"], 2, 8)
    row, over = begin(pool, [board], 0)[0], random_game("standard", 500, 1)
    run_out(pool)
    report = read_reports(pool, [row], set()).one(0)
    assert not report.done
    assert report.simulations == 0
    assert [row.prior for row in report.rows] == sorted((row.prior for row in report.rows), reverse=True)
    assert np.isclose(sum(row.prior for row in report.rows), 1)
    assert {row.mean for row in report.rows} == {None}
    assert report.lines == [[row.name] for row in report.rows]
    lost = begin(pool, [over], 8)[0]
    again, end = map(read_reports(pool, [row, lost], {lost}).one, (0, 1))
    assert (again.rows, again.lines, again.done) == (report.rows, report.lines, False)
    assert (end.value, end.rows, end.lines, end.done) == (-1.0, [], [], True)


def test_a_failure_says_why():
    report = failed_reports(2, "the network is damaged").one(1)
    assert report.done
    assert report.error == "the network is damaged"
    assert report.rows == report.lines == []
