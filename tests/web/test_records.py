"""Texts of positions and games over HTTP."""

import pytest

from pylos.game.board import Board
from tests.support.serving import error_of, post

SQUARE = "ww..w...bbb...../........./..../. w 0"


def game(*turns, start=None, rules="standard"):
    board = Board(rules) if start is None else Board.from_text(start, rules)
    for turn in turns:
        board.push(turn)
    return {"rules": rules, "start": start, "actions": list(board.actions)}


def test_a_pasted_position(client):
    found = post(client, "parse", rules="standard", text=f"\n {SQUARE} ").json()
    assert found == {"kind": "position", "game": game(start=SQUARE), "tags": {}}


@pytest.mark.parametrize("text", [SQUARE, "1. 1B2 1C3"])
def test_the_mark_with_which_some_editors_begin_a_file_does_not_matter(client, text):
    found = [post(client, "parse", rules="standard", text=mark + text).json() for mark in ("", "\ufeff")]
    assert found[0] == found[1]
    assert found[0]["game"]


@pytest.mark.parametrize(
    "played",
    [
        game("1B2", "1C3", "1B3"),
        game("1B2-1A1-1A2", "1A1", start=SQUARE),
        game("1B2", start=SQUARE, rules="mature-optional"),  # the take-back is not finished
        game(),
    ],
)
def test_a_saved_game_comes_back(client, played):
    tags = {"White": "human", "Black": 'the "club" <b>', "Result": "*"}
    text = post(client, "record", game=played, tags=tags).json()["text"]
    assert f'[Rules "{played["rules"]}"]' in text
    # The rules of the page do not matter where the text names its own.
    assert post(client, "parse", rules="children", text=text).json() == {
        "kind": "game",
        "game": played,
        "tags": tags,
    }


def test_turns_alone_are_a_game(client):
    found = post(client, "parse", rules="children", text="1. 1B2 1C3 2. 1B3").json()
    assert (found["kind"], found["game"]) == ("game", game("1B2", "1C3", "1B3", rules="children"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "neither a position nor a saved game"),
        ("", "neither a position nor a saved game"),
        ("w" * 200, "neither a position nor a saved game"),
        ("ww.. w 0", "4 levels"),
        ('[Rules "chess"]\n1. 1B2', "chess"),
        ("1. 1B2 1B2", "turn 1 of black"),
        ('[Rules "standard"', "tag 1"),
    ],
)
def test_a_text_that_cannot_be_read_is_explained(client, text, said):
    assert said in error_of(post(client, "parse", rules="standard", text=text))


@pytest.mark.parametrize(
    "tags", [{"Result": "2-0"}, {"a b": "c"}, {"White": "two\nlines"}, {"White": 1}, ["White"]]
)
def test_tags_that_cannot_be_written_are_explained(client, tags):
    assert error_of(post(client, "record", game=game("1B2"), tags=tags))
