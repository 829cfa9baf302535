"""The engine as a program that talks to it sees it: answers, cancelling, bounds, and how it ends."""

from __future__ import annotations

import itertools
import json
import os
import queue
import re
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from pylos.engine import engine as engine_module
from pylos.engine.engine import Engine, EngineOptions
from pylos.engine.protocol import FIELDS
from pylos.errors import NonFiniteNetworkError
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.history import history_of
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.solution.tablebase import NO_DISTANCE, Tablebase
from tests.support.boards import random_game
from tests.support.commands import ENVIRONMENT, PYLOS, hear_interrupts
from tests.support.evaluators import hashed
from tests.support.searches import row_weights, running_boards
from tests.support.searching import SECONDS, Gate, hashed_agent


class Talk:
    """An engine in a thread: requests are sent, answers waited for. Its agent judges as `evaluate` does."""

    def __init__(self, monkeypatch, evaluate=hashed, **options):
        agents = {}

        def load(text, rules):
            return agents.setdefault(rules, hashed_agent(rules, evaluate))

        if options.setdefault("agent", "hashed") == "hashed":
            monkeypatch.setattr(engine_module, "load_agent", load)
        reader, self._writer = os.pipe()
        self._source = open(reader, "rb", buffering=0)  # noqa: SIM115  # closed with the engine
        self._answers = queue.SimpleQueue()
        self.engine = Engine(EngineOptions(threads=1, **options), self._source, self)
        self._thread = threading.Thread(target=self.engine.run, daemon=True)
        self._thread.start()

    def write(self, text):
        assert not text or text.endswith("\n")
        for line in text.splitlines():
            self._answers.put(line)

    def flush(self):
        pass

    def send(self, *requests):
        lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in requests]
        os.write(self._writer, b"".join(line + b"\n" for line in lines))

    def next(self):
        return json.loads(self._answers.get(timeout=SECONDS))

    def until_done(self, positions=1):
        answers = []
        while sum(answer.get("done", False) for answer in answers) < positions:
            answers.append(self.next())
        return answers

    def end(self):
        """Ends the input; the answers that were still to come."""
        os.close(self._writer)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        self._source.close()
        return [json.loads(self._answers.get()) for _ in range(self._answers.qsize())]


def test_the_positions_of_a_game_get_what_a_search_finds(monkeypatch):
    talk, game = Talk(monkeypatch), random_game("standard", 24, 5)
    turns = game.turns
    talk.send({"id": "g", "turns": turns, "after": list(range(len(turns))), "simulations": 40})
    answers = {answer["after"]: answer for answer in talk.until_done(len(turns))}
    board = Board()
    search = Search(1, RULES["standard"], network_options(40))
    for after in range(len(turns)):
        history = history_of([board.positions[:-1]])
        expected = search.run(np.array([board.position]), hashed, np.zeros(1, np.int64), history)
        answer, weights = answers[after], row_weights(expected, 0)
        assert (answer["id"], answer["turn"]) == ("g", board.turn)
        assert answer["value"] == pytest.approx(expected.values[0], abs=1e-6)
        improved = {row["action"]: row["improved"] for row in answer["rows"] if row["improved"]}
        assert improved == {
            action: pytest.approx(weight / sum(weights.values()), abs=1e-6)
            for action, weight in weights.items()
        }
        for row in answer["rows"]:
            played = board.copy()
            for turn in row["line"]:
                played.push(turn)
            assert row["line"][0].startswith(row["name"])
        board.push(turns[after])
    assert talk.end() == []


def test_many_requests_are_searched_in_few_batches(monkeypatch):
    gate = Gate()
    talk, boards = Talk(monkeypatch, gate), running_boards("standard", 50)
    talk.send(*({"id": str(i), "position": b.text, "simulations": 20} for i, b in enumerate(boards)))
    talk.send({"action": "version"})
    assert talk.next()["protocol"] == 1  # all have been read
    gate.open()
    answers = talk.until_done(50)
    assert {answer["id"] for answer in answers} == {str(i) for i in range(50)}
    assert gate.sizes[0] > 1  # searches of requests that come together begin together
    assert len(gate.sizes) <= 45
    assert talk.end() == []


def test_answers_come_while_the_search_grows_and_the_best_rows_alone(monkeypatch):
    talk = Talk(monkeypatch, simulations=100)
    talk.send({"id": "a", "report_every": 30, "rows": 2})
    answers = talk.until_done()
    assert [(a["simulations"], a["done"]) for a in answers] == [
        (30, False),
        (60, False),
        (90, False),
        (100, True),
    ]
    assert all(len(answer["rows"]) == 2 for answer in answers)
    talk.send({"id": "b", "simulations": 0})
    (answer,) = talk.until_done()
    assert answer["simulations"] == 0
    assert sum(row["prior"] for row in answer["rows"]) == pytest.approx(1, abs=1e-4)
    talk.end()


def test_a_game_that_is_over_has_no_rows(monkeypatch):
    talk, over = Talk(monkeypatch), random_game("mature", 500, 3)
    talk.send({"id": "a", "rules": "mature", "turns": over.turns})
    (answer,) = talk.until_done()
    assert (answer["value"], answer["rows"], answer["done"]) == (-1.0, [], True)
    talk.end()


def test_cancelling_ends_one_request_or_all(monkeypatch):
    gate = Gate()
    talk = Talk(monkeypatch, gate)
    long = {"simulations": 20_000, "turns": ["1B2"], "after": [0, 1]}
    talk.send({"id": "a", **long}, {"id": "b", **long}, {"id": "c", **long})
    talk.send({"action": "cancel", "cancel_id": "a", "id": "x"})
    cancelled = [{"id": "a", "after": after, "done": True, "cancelled": True} for after in (0, 1)]
    confirmed = {"id": "x", "action": "cancel", "cancel_id": "a", "cancelled": 2}
    assert [talk.next() for _ in range(3)] == [*cancelled, confirmed]
    talk.send({"action": "cancel", "cancel_id": "a"})
    assert talk.next() == {"id": None, "action": "cancel", "cancel_id": "a", "cancelled": 0}
    talk.send({"action": "cancel_all"})
    answers = [talk.next() for _ in range(5)]
    assert [answer["id"] for answer in answers] == ["b", "b", "c", "c", None]
    assert answers[-1]["cancelled"] == 4
    gate.open()
    talk.send({"id": "a", "simulations": 3})
    assert [answer["simulations"] for answer in talk.until_done()] == [3]
    assert talk.end() == []


def test_what_lines_ask_that_come_together_is_done_in_their_order(monkeypatch):
    talk = Talk(monkeypatch, Gate())
    long = {"id": "a", "simulations": 20_000}
    talk.send(long, {"action": "cancel", "cancel_id": "a"}, long, long, {"action": "cancel_all"})
    answers = [talk.next() for _ in range(5)]
    assert [answer.get("cancelled") for answer in answers] == [True, 1, None, True, 1]
    assert answers[2]["error"] == "the request with the id 'a' is not finished"
    assert talk.engine._service.open == 0


def test_answers_before_the_last_are_left_out_while_too_many_wait(monkeypatch):
    monkeypatch.setattr(engine_module, "MOST_WAITING", 0)
    talk = Talk(monkeypatch, simulations=100)
    talk.send({"id": "a", "report_every": 10}, {"id": "b"})
    assert [answer["simulations"] for answer in talk.until_done(2)] == [100, 100]
    assert talk.end() == []
    assert talk.engine._waiting == 0


def test_an_id_is_open_once_and_too_many_positions_are_refused(monkeypatch):
    gate = Gate()
    talk = Talk(monkeypatch, gate, most_open=3)
    talk.send({"id": "a", "turns": ["1B2"], "after": [0, 1]}, {"id": "a"})
    assert talk.next() == {"id": "a", "error": "the request with the id 'a' is not finished", "field": "id"}
    talk.send({"id": "b", "turns": ["1B2"], "after": [0, 1]})
    busy = talk.next()
    assert (busy["id"], busy["field"]) == ("b", None)
    assert busy["error"].startswith("busy: 2 positions are open, and 3 may be")
    talk.send({"id": "c"})
    gate.open()
    assert {answer["id"] for answer in talk.until_done(3)} == {"a", "c"}
    talk.send({"id": "b"})
    assert talk.until_done()[0]["id"] == "b"
    talk.end()


def test_broken_lines_are_answered_and_end_nothing(monkeypatch):
    talk = Talk(monkeypatch)
    talk.send(b"nonsense", b"", b"  ", b'{"id": "a", "turns": ["9Z9"]}', b"\xff\xfe", b"[]")
    answers = [talk.next() for _ in range(4)]
    assert [answer["id"] for answer in answers] == [None, "a", None, None]
    assert all(answer["error"] for answer in answers)
    talk.send({"id": "a", "simulations": 2})
    assert talk.until_done()[0]["simulations"] == 2
    assert talk.end() == []


def test_a_broken_network_is_an_answer(monkeypatch):
    def diverged(positions):
        raise NonFiniteNetworkError("the network gives nonsense")

    talk = Talk(monkeypatch, diverged)
    talk.send({"id": "a"})
    assert talk.next() == {"id": "a", "after": 0, "done": True, "error": "the network gives nonsense"}
    assert talk.end() == []


def test_exact_values_come_with_a_solution(monkeypatch, solved):
    talk, table = Talk(monkeypatch), Tablebase("mini-mature")
    boards = running_boards("mini-mature", 12)
    for i, board in enumerate(boards):
        talk.send({"id": str(i), "rules": "mini-mature", "position": board.text, "exact": True})
    for answer in talk.until_done(12):
        board = boards[int(answer["id"])]
        values, distances = table.probe([board])
        distance = None if distances[0] == NO_DISTANCE else distances[0]
        assert (answer["exact"], answer["distance"]) == (values[0], distance)
        best = {int(action) for action in table.best_actions(board)}
        assert answer["rows"][0]["action"] in best
        assert {row["action"] for row in answer["rows"]} == set(board.legal_actions.tolist())
        assert all(row["exact"] in (1, 0, -1) for row in answer["rows"])
    talk.end()


def test_exact_values_without_a_solution_are_refused(monkeypatch, unsolved):
    talk = Talk(monkeypatch)
    talk.send({"id": "a", "exact": True})
    answer = talk.next()
    assert answer["field"] == "exact"
    assert "`pylos solve --rules standard`" in answer["error"]
    talk.end()


def test_the_end_of_the_input_finishes_what_is_open(monkeypatch):
    gate = Gate()
    talk = Talk(monkeypatch, gate)
    talk.send({"id": "a", "simulations": 30}, {"id": "b", "simulations": 600})
    gate.wait()
    gate.open()
    answers = talk.end()
    assert [(answer["id"], answer["simulations"]) for answer in answers] == [("a", 30), ("b", 600)]


DOCUMENT = (Path(__file__).parents[2] / "docs" / "engine.md").read_text(encoding="utf-8")


def test_the_examples_of_the_document_are_what_the_engine_answers(monkeypatch, solved):
    blocks = [block for block in re.findall(r"```\n(.*?)```", DOCUMENT, flags=re.DOTALL) if "> " in block]
    assert len(blocks) >= 5
    talk = Talk(monkeypatch, agent="rollouts", rules="mini-standard")
    for block in blocks:
        lines = block.splitlines()
        for asked, lines_of_it in itertools.groupby(lines, lambda line: line.startswith("> ")):
            if asked:
                talk.send(*(line.removeprefix("> ").encode() for line in lines_of_it))
            else:
                expected = list(lines_of_it)
                found = [json.dumps(talk.next(), separators=(",", ":")) for _ in expected]
                assert sorted(found) == sorted(expected)  # positions of one request come in any order
    assert talk.end() == []


def test_the_document_names_every_field():
    for fields in FIELDS.values():
        for name in fields:
            assert f"`{name}`" in DOCUMENT or f'"{name}"' in DOCUMENT, name


COMMAND = [PYLOS, "engine", "--ckpt_path", "rollouts", "--rules", "mini-standard"]


def test_the_command_answers_and_ends_with_its_input():
    lines = '{"id": "a", "simulations": 20}\nnonsense\n{"id": "b", "rules": "chess"}'
    done = subprocess.run(COMMAND, input=lines, capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert {answer["id"]: answer.get("field", "") for answer in answers} == {
        "a": "",
        None: None,
        "b": "rules",
    }


def asked_command():
    """The command at work on a long request."""
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        preexec_fn=hear_interrupts,
    )
    process.stdin.write(b'{"id": "a", "simulations": 20000, "report_every": 1}\n')
    process.stdin.flush()
    return process


def test_ctrl_c_ends_the_command():
    process = asked_command()
    assert b'"done":false' in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_a_reader_that_goes_away_ends_the_command():
    process = asked_command()
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(SECONDS) == 1
    process.stdin.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
