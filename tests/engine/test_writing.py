"""Answers as JSON: the same text that Python's own writer makes of a report."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from pylos.analysis.reports import Report, Reports, read_reports
from pylos.engine import writing
from pylos.engine.writing import NO_TRUTH, Truth, write_answers
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.findings import room_for_findings
from pylos.search.pool import SearchPool
from pylos.solution.tablebase import NO_DISTANCE
from tests.search.test_pool import run_out
from tests.support.boards import random_game
from tests.support.searches import begin, late_boards, running_boards

ALL = 1000


def exact(value: int, distance: int) -> dict:
    return {"exact": int(value), "distance": None if distance == NO_DISTANCE else int(distance)}


def by_python(report: Report, board: Board, most: int = ALL, truth: Truth = NO_TRUTH) -> str:
    """An answer about one position, as Python writes it."""
    rows = []
    for k, (row, line) in enumerate(zip(report.rows, report.lines, strict=True)):
        entry = {"action": row.action, "name": row.name}
        if len(truth.values):
            entry |= exact(truth.action_values[k], truth.action_distances[k])
        entry |= {"prior": round(row.prior, 6), "visits": row.visits}
        entry |= {
            "mean": None if row.mean is None else round(row.mean, 6),
            "improved": round(row.improved, 6),
        }
        rows.append(entry | {"line": line})
    answer = {"done": report.done, "turn": board.turn, "simulations": report.simulations}
    answer |= {"value": round(report.value, 6)}
    if len(truth.values):
        answer |= exact(truth.values[0], truth.distances[0])
    return json.dumps({"id": board.text} | answer | {"rows": rows[:most]}, separators=(",", ":")) + "\n"


def head(board: Board) -> str:
    return f'{{"id":"{board.text}"'


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "mini-standard-optional"])
@pytest.mark.parametrize(("root", "simulations"), [("puct", 640), ("gumbel", 60), ("gumbel", 0)])
def test_the_text_is_what_python_writes(rules, root, simulations):
    boards = [*running_boards(rules, 30), *late_boards(rules, 8), random_game(rules, 500, 1)]
    pool = SearchPool(RULES[rules], len(boards), 640)
    rows = begin(pool, boards, simulations, root)
    run_out(pool)
    reports = read_reports(pool, rows, set(rows[::2]))
    positions, heads = [board.position for board in boards], dict(enumerate(map(head, boards)))
    for most in (ALL, 3, 0):
        lines = write_answers(reports, heads, positions, [most] * len(boards)).splitlines(keepends=True)
        for line, place, board in zip(lines, heads, boards, strict=True):
            assert line == by_python(reports.one(place), board, most)
    some = write_answers(reports, {7: heads[7], 2: heads[2]}, [positions[7], positions[2]], [1, ALL])
    assert some == by_python(reports.one(7), boards[7], 1) + by_python(reports.one(2), boards[2])
    for place, board in enumerate(boards):
        report = reports.one(place)
        n = len(report.rows)
        of_actions = np.arange(n, dtype=np.int8) % 3 - 1, np.arange(n, dtype=np.int16) * 40 - 1
        truth = Truth(np.array([-1], np.int8), np.array([place - 1], np.int16), *of_actions)
        alone = reports.alone(place, np.arange(n))
        line = write_answers(alone, {0: heads[place]}, [board.position], [ALL], truth)
        assert line == by_python(report, board, ALL, truth)


def reports_of(found) -> Reports:
    """Reports that have these findings."""
    n = len(found.values)
    return Reports(found, np.full(n, 20_000, np.int32), np.zeros(n, np.bool_))


def numbers(means: np.ndarray) -> list[str]:
    """How numbers are written as the means of a search."""
    n = len(means)
    found = room_for_findings(np.array([0, n]), 1)
    for array in (found.values, *found[2:]):
        array[:] = 1
    written = write_answers(reports_of(found._replace(means=means)), {0: "{"}, [0], [n])
    return [text[: text.index(",")] for text in written.split('"mean":')[1:]]


def test_numbers_are_rounded_as_python_rounds():
    halves = [float(Fraction(2 * k + 1, 2_000_000)) for k in range(0, 1_000_000, 997)]
    near = [math.nextafter(half, to) for half in halves for to in (0.0, 1.0)]
    shares = [w / total for total in (128, 640, 10_000, 9_999, 19_840) for w in range(0, total + 1, 37)]
    small = [k / 1e6 for k in range(1200)] + [5e-7, 4.9e-7, 1e-30, 0.0, 1.0, 0.9999995, 0.9999994]
    drawn = np.random.default_rng(0).random(5000).tolist()
    all_numbers = [*halves, *near, *shares, *small, *drawn]
    all_numbers += [-number for number in all_numbers]
    assert numbers(np.array(all_numbers)) == [repr(round(number, 6)) for number in all_numbers]
    assert numbers(np.array([np.nan])) == ["null"]


def test_the_longest_row_has_room():
    n = 40
    longest = int(np.argmax([len(name.tobytes().rstrip(b"\0")) for name in writing._NAMES]))
    found = room_for_findings(np.array([0, n]), 24)
    found.actions[:] = found.lines[:] = longest
    found.weights[:], found.visits[:], found.lengths[:] = 1, 2**31 - 1, 24
    found.means[:], found.priors[:] = -0.123456, 0.123456
    found.pending[:], found.pending[:, ::3] = 1, 0
    found.values[:] = -0.123456
    values, distances = np.full(n, -1, np.int8), np.full(n, -32768, np.int16)
    truth = Truth(values[:1], distances[:1], values, distances)
    text = write_answers(reports_of(found), {0: '{"id":0'}, [0], [n], truth)
    answer = json.loads(text)
    assert [len(row["line"]) for row in answer["rows"]] == [8] * n
    rows = text[text.index('"rows"') :]
    assert len(rows) < n * (writing._ROW_BYTES + 24 * writing._NAME_BYTES)
    assert len(text) - len(rows) - len('{"id":0') < writing._ANSWER_BYTES
