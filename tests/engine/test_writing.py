"""Rows as JSON: the same text that Python's own writer makes of the rows of a report."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from pylos.analysis.reports import Report, read_reports
from pylos.engine import writing
from pylos.engine.writing import NO_TRUTH, Truth, write_rows
from pylos.game.rules import RULES
from pylos.search.findings import room_for_findings
from pylos.search.pool import SearchPool
from pylos.solution.tablebase import NO_DISTANCE
from tests.search.test_pool import run_out
from tests.support.boards import random_game
from tests.support.searches import late_boards, running_boards


def by_python(report: Report, truth: Truth = NO_TRUTH) -> str:
    """The rows of a report, as Python writes them."""
    entries = []
    for k, (row, line) in enumerate(zip(report.rows, report.lines, strict=True)):
        entry = {"action": row.action, "name": row.name}
        if len(truth.values):
            distance = int(truth.distances[k])
            entry |= {
                "exact": int(truth.values[k]),
                "distance": None if distance == NO_DISTANCE else distance,
            }
        entry |= {"prior": round(row.prior, 6), "visits": row.visits}
        entry |= {
            "mean": None if row.mean is None else round(row.mean, 6),
            "improved": round(row.improved, 6),
        }
        entries.append(entry | {"line": line})
    return json.dumps(entries, separators=(",", ":"))[1:-1]


@pytest.mark.parametrize("rules", ["standard", "mature-optional", "mini-standard-optional"])
@pytest.mark.parametrize(("root", "simulations"), [("puct", 640), ("gumbel", 60), ("gumbel", 0)])
def test_the_text_is_what_python_writes(rules, root, simulations):
    boards = [*running_boards(rules, 30), *late_boards(rules, 8), random_game(rules, 500, 1)]
    pool = SearchPool(RULES[rules], len(boards), 640)
    rows = [pool.add(board.position, simulations, root) for board in boards]
    run_out(pool)
    reports = read_reports(pool, rows, set(rows))
    written = write_rows(reports[0].findings)
    for report in reports:
        text, n = written.of(report.part, None), len(report.rows)
        assert text == by_python(report)
        assert len(json.loads(f"[{written.of(report.part, 3)}]")) == min(3, n)
        assert written.of(report.part, 0) == ""
        truth = Truth(np.arange(n, dtype=np.int8) % 3 - 1, np.arange(n, dtype=np.int16) * 40 - 1)
        if n:
            found = report.findings.one(report.place, np.arange(n))
            assert write_rows(found, truth).of(slice(0, n), None) == by_python(report, truth)


def numbers(means: np.ndarray) -> list[str]:
    """How numbers are written as the means of a search."""
    n = len(means)
    found = room_for_findings(np.array([0, n]), 1)
    for array in found[2:]:
        array[:] = 1
    found = found._replace(means=means)
    written = write_rows(found).text.split('"mean":')[1:]
    return [text[: text.index(",")] for text in written]


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
    text = write_rows(found, Truth(np.full(n, -1, np.int8), np.full(n, -32768, np.int16))).text
    assert len(text) < n * (writing._ROW_BYTES + 24 * writing._NAME_BYTES + 24)
    assert [len(row["line"]) for row in json.loads(f"[{text[:-1]}]")] == [8] * n
