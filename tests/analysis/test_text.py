"""The analysis of a position as text."""

import numpy as np

from pylos.analysis.rows import analyse
from pylos.analysis.text import analysis_text
from pylos.game.board import Board
from pylos.solution.solving import solve
from pylos.solution.tablebase import Tablebase
from tests.support.boards import random_game
from tests.support.networks import untrained_player

MINI = "mini-mature"


def test_the_text_shows_the_board_its_worth_and_the_actions(solved):
    board = Board("mini-standard")
    lines = analysis_text(board, Tablebase("mini-standard")).splitlines()
    drawing = str(board).splitlines()
    assert lines[: len(drawing)] == drawing
    assert lines[len(drawing) + 1] == "For white: exact win in 15 turns"
    cells = [line.split() for line in lines[len(drawing) + 2 :] if line and "─" not in line]
    assert cells[0] == ["action", "exact", "turns"]
    exact = next(line for line in lines if "exact" in line and "action" in line).index("exact")
    assert [line[exact:].split()[0] for line in lines if "  2" in line] == ["win", *["loss"] * 8]
    assert all(line[exact - 1] == " " for line in lines if "  2" in line)
    assert cells[1] == ["2B2", "win", "15"]
    assert sorted(cells[2:]) == sorted(
        [f"2{c}{i}", "loss", "16"] for c in "ABC" for i in "123" if c + i != "B2"
    )


def test_the_text_shows_what_a_network_thinks(solved):
    board, player = Board(MINI), untrained_player(MINI, simulations=20)
    text = analysis_text(board, Tablebase(MINI), player)
    assert f"For white: exact draw; network {player.network(np.zeros(8, np.int64))[0][0]:+.3f}\n" in text
    assert next(line for line in text.splitlines() if "action" in line).split() == [
        "action", "exact", "prior", "visits", "mean", "improved",
    ]  # fmt: skip
    assert len(text.splitlines()) == 6 + 2 + 3 + 9 + 0


def test_words_are_aligned_on_the_left_and_numbers_on_the_right():
    board, player = random_game("standard", 11, 1), untrained_player("standard", simulations=60)
    rows = analyse(board, None, player)
    assert len({len(row.name) for row in rows}) > 1
    assert len({len(str(row.visits)) for row in rows}) > 1
    assert {row.mean is None for row in rows} == {False, True}  # an unknown number leaves its cell empty
    lines = analysis_text(board, None, player).splitlines()
    header = next(line for line in lines if "action" in line)
    assert header.split() == ["action", "prior", "visits", "mean", "improved"]
    for row, line in zip(rows, lines[lines.index(header) + 2 :], strict=False):
        assert line[header.index("action") :].startswith(row.name)
        assert line[: header.index("visits") + len("visits")].endswith(f" {row.visits}")
        mean = "" if row.mean is None else f"{row.mean:+.3f}"
        assert line[: header.index("mean") + len("mean")].endswith(f" {mean}")


def test_the_text_names_the_command_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    assert (
        analysis_text(Board(MINI), None)
        .splitlines()[-1]
        .endswith("`pylos solve --rules mini-mature` does it in some seconds")
    )
    solve(MINI)
    assert (
        "`pylos solve --rules mini-mature --distance`"
        in analysis_text(Board(MINI), Tablebase(MINI)).splitlines()[-1]
    )


def test_who_else_could_judge_is_named_where_an_agent_ships(tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    assert "--ckpt_path reference" in analysis_text(Board("standard"), None)
    assert "--ckpt_path" not in analysis_text(Board(MINI), None)
