"""Requests as lines: what is read, and what is refused by which words and field."""

from __future__ import annotations

import io
import json

import pytest

from pylos.engine import protocol
from pylos.engine.protocol import MOST_BYTES, MOST_TURNS, encoded, read_lines, read_requests
from pylos.game.board import Board
from pylos.game.position import START
from tests.support.boards import random_game


def read(fields, **defaults):
    line = json.dumps(fields).encode() if isinstance(fields, dict) else fields
    (request,) = read_requests([line], **{"rules": "standard", "simulations": 64} | defaults)
    return request


def test_a_request_has_defaults():
    request = read({"id": "a"}, rules="mature", simulations=9)
    (asked,) = request.positions
    assert (*asked[:2], len(asked.earlier)) == (0, START, 0)
    assert request._replace(positions=()) == ("analyse", "a", None, "mature", (), None, False, 9, 0, 1000)


def test_all_fields_are_read():
    text = "w..............b/........./..../. w 0"
    fields = {"id": "a", "action": "analyse", "rules": "children", "position": text, "turns": ["1B2", "1C3"]}
    fields |= {"after": [2, 0], "simulations": 0, "root": "puct", "report_every": 7, "rows": 3, "exact": True}
    request = read(fields)
    board = Board.from_text(text, "children")
    first = board.position
    board.push("1B2")
    board.push("1C3")
    assert [asked[:2] for asked in request.positions] == [(2, board.position), (0, first)]
    assert [asked.earlier.tolist() for asked in request.positions] == [list(board.positions[:-1]), []]
    assert request._replace(positions=()) == ("analyse", "a", None, "children", (), "puct", True, 0, 7, 3)


def test_a_turn_may_be_written_in_steps():
    turns = ["1A1", "1D4", "1A2", "1D3", "1B1", "1C4", "1B2-1A1"]
    (whole,) = read({"id": "a", "turns": turns}).positions
    (steps,) = read({"id": "a", "turns": [*turns[:-1], "1B2", "-1A1", "="]}).positions
    assert whole.position == steps.position
    assert (whole.after, steps.after) == (7, 9)
    assert whole.earlier.tolist() == steps.earlier.tolist()
    assert len(whole.earlier) == 9


def test_a_line_may_have_spaces_and_any_encoding_of_json():
    line = '{"id": "ä"}'
    for content in (f" \t{line} \r", line):
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"):
            assert read(content.encode(encoding)).id == "ä"


def test_commands_are_read():
    assert read({"action": "version"})[:3] == ("version", None, None)
    assert read({"action": "cancel_all", "id": "x"})[:3] == ("cancel_all", "x", None)
    assert read({"action": "cancel", "cancel_id": "a"})[:3] == ("cancel", None, "a")


@pytest.mark.parametrize(
    ("line", "field", "message"),
    [
        (b"nonsense", None, "the line is not JSON"),
        (b'{"id": "a"', None, "the line is not JSON"),
        (b'{"id": "\xff"}', None, "the line is not JSON"),
        (b'{"id": "a"} {"id": "b"}', None, "the line is not JSON"),
        (b'{"id": "a"}\x0b', None, "the line is not JSON"),
        (b"[" * 100_000, None, "the line is not JSON"),
        (b'{"id": ' + b"9" * 5000 + b"}", None, "the line is not JSON"),
        (b"[1]", None, "a request is a JSON object, not [1]"),
        (None, None, "a line may have 1,000,000 bytes, this one has more"),
        ({}, "id", "a request needs an id"),
        ({"id": 7}, "id", "id must be a text of 1 to 200 characters, got 7"),
        ({"id": ""}, "id", 'got ""'),
        ({"id": "x" * 201}, "id", "1 to 200 characters"),
        ({"id": "a", "action": "fly"}, "action", 'analyse, cancel, cancel_all, version, got "fly"'),
        ({"id": "a", "action": ["version"]}, "action", "action must be one of"),
        ({"id": "a", "visits": 7}, "visits", 'analyse has no field "visits"; it has id, action, rules'),
        ({"action": "version", "rules": "standard"}, "rules", 'version has no field "rules"'),
        ({"action": "cancel"}, "cancel_id", "cancel_id must be the id of a request, got null"),
        ({"id": "a", "rules": "chess"}, "rules", "unknown rule set 'chess'"),
        ({"id": "a", "rules": 3}, "rules", "rules must be the name of a rule set, got 3"),
        ({"id": "a", "position": "..w b"}, "position", "expected three fields"),
        ({"id": "a", "position": None}, "position", "position must be a text, got null"),
        ({"id": "a", "turns": "1B2"}, "turns", 'turns must be a list of texts, got "1B2"'),
        ({"id": "a", "turns": [5]}, "turns", "turns must be a list of texts, got [5]"),
        ({"id": "a", "turns": ["1B2", "1B2"]}, "turns", "turns[1]: 1B2 is not legal"),
        ({"id": "a", "turns": ["5A9"]}, "turns", "turns[0]: '5A9' is no cell"),
        ({"id": "a", "turns": ["1B2"] * (MOST_TURNS + 1)}, "turns", "there may be 1000 turns, not 1001"),
        ({"id": "a", "after": [1]}, "after", "each a whole number from 0 to 0, got [1]"),
        ({"id": "a", "after": []}, "after", "got []"),
        ({"id": "a", "after": 0}, "after", "got 0"),
        ({"id": "a", "after": [[0]]}, "after", "got [[0]]"),
        ({"id": "a", "after": [0, 0]}, "after", "after must name each number once"),
        ({"id": "a", "simulations": 20_001}, "simulations", "a whole number from 0 to 20000, got 20001"),
        ({"id": "a", "simulations": True}, "simulations", "got true"),
        ({"id": "a", "simulations": None}, "simulations", "got null"),
        ({"id": "a", "report_every": 0}, "report_every", "a whole number from 1 to 20000, got 0"),
        ({"id": "a", "rows": -1}, "rows", "got -1"),
        ({"id": "a", "root": "best"}, "root", 'root must be puct or gumbel, got "best"'),
        ({"id": "a", "root": None}, "root", "got null"),
        ({"id": "a", "rows": float("inf")}, "rows", "got Infinity"),
        ({"id": "a", "rows": [None, {"é\n": True}]}, "rows", 'got [null, {"é\\n": true}]'),
        ({"id": "a", "root": "x" * 300}, "root", 'got "' + "x" * 56 + "..."),
        (b'{"id": "a", "rows": 1, "id": "b"}', "id", 'the line has "id" more than once'),
        ({"id": "a", "exact": 1}, "exact", "exact must be true or false, got 1"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_is_said_in_a_sentence_with_its_field(line, field, message):
    answer = read(line).answer
    assert message in answer["error"]
    assert len(answer["error"]) < 400
    assert answer["field"] == field
    assert answer["id"] == (line.get("id") if isinstance(line, dict) and field != "id" else None)
    assert json.loads(encoded(answer)) == answer


def test_lines_that_came_together_are_read_one_by_one():
    boards = [random_game("standard", plies, 7) for plies in range(30)]
    lines = [json.dumps({"id": board.text, "position": board.text}).encode() for board in boards]
    odd = {"id": "a", "position": f"  {boards[9].text.replace(' ', '  ')}"}
    other = {"id": "b", "rules": "mini-standard", "position": boards[9].text}
    lines[10:10] = [json.dumps(odd).encode(), b"nonsense", json.dumps(other).encode()]
    requests = read_requests(lines, "standard", 64)
    assert requests[10].positions[0][:2] == (0, boards[9].position)
    assert "the line is not JSON" in requests[11].answer["error"]
    assert "the mini game is played on the levels above" in requests[12].answer["error"]
    for board, request in zip(boards, requests[:10] + requests[13:], strict=True):
        assert (request.id, request.positions) == (board.text, ((0, board.position, ()),))


class Trickle(io.BytesIO):
    """A source that gives a few bytes at a time."""

    def read(self, size=-1, /):
        return super().read(3)


def flat(source):
    return [line for lines in read_lines(source) for line in lines]


def test_lines_are_split_wherever_their_bytes_come_apart():
    content = b'{"id": "a"}\n\n{"id":\r\nlast'
    expected = [b'{"id": "a"}', b"", b'{"id":\r', b"last"]
    assert list(read_lines(io.BytesIO(content))) == [expected[:3], expected[3:]]
    assert flat(Trickle(content)) == expected
    assert flat(io.BytesIO(b"one\n")) == [b"one"]
    assert flat(io.BytesIO(b"")) == []


def test_a_line_that_is_too_long_is_skipped_and_takes_no_memory(monkeypatch):
    long = b"x" * (MOST_BYTES + 1)
    lines = flat(io.BytesIO(b"a\n" + long + b"\nb\n" + 3 * long + b"\nc\n" + 2 * long))
    assert lines == [b"a", None, b"b", None, b"c", None]
    monkeypatch.setattr(protocol, "MOST_BYTES", 5)
    assert flat(Trickle(b"12345\n123456\n1")) == [b"12345", None, b"1"]
