"""Saved games on the command line: read from files and stdin, and refused in one line."""

import io
import os
from types import SimpleNamespace

import pytest

from pylos.cli.saved_game import read_game
from pylos.errors import RecordError

GAME = '[Rules "mini-mature"]\n[White "me"]\n\n1. 2A1 2B2  2. 2C3\n'


@pytest.fixture
def game(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(GAME, encoding="utf-8")
    return "a.txt"


def test_a_game_comes_from_a_file_or_from_stdin(game, monkeypatch):
    record = read_game(game)
    assert record.board().turns == ["2A1", "2B2", "2C3"]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(GAME.encode())))
    assert read_game("-") == record


def test_the_rules_that_are_asked_for_must_be_those_of_the_game(game, tmp_path):
    assert read_game(game, "mini-mature").rules == "mini-mature"
    with pytest.raises(
        RecordError, match=r"the game in a\.txt is of the mini-mature rules, not of mini-standard"
    ):
        read_game(game, "mini-standard")
    (tmp_path / "bare.txt").write_text("2A1 2B2")
    assert read_game("bare.txt", "mini-children").rules == "mini-children"
    with pytest.raises(RecordError, match=r"^bare\.txt: no tag names the rules"):
        read_game("bare.txt")


def test_what_is_no_game_is_named(game, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "endless").write_bytes(b" " * 10**6)
    os.mkfifo("pipe")
    for name, message in (
        ("missing", "No such file"),
        ("folder", "Is a directory"),
        ("pipe", "no regular file"),
        ("binary", "no UTF-8 text"),
    ):
        with pytest.raises(RecordError, match=f"no game in {name}: .*{message}"):
            read_game(name)
    with pytest.raises(RecordError, match=r"^endless: .* at most 65,536 characters"):
        read_game("endless")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"[x]")))
    with pytest.raises(RecordError, match=r"^stdin: tag 1"):
        read_game("-")


def test_a_wrong_turn_is_named_with_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.txt").write_text(GAME.replace("2C3", "2A1"))
    with pytest.raises(RecordError, match=r"^wrong\.txt: turn 2 of white: "):
        read_game("wrong.txt")
