"""Replaying, moving on, reading and setting up positions over HTTP."""

import pytest

from tests.support.serving import error_of, post

EMPTY = "................/........./..../. w 0"
SQUARE = "ww..w...bbb...../........./..../. w 0"


def game(start=None, actions=(), rules="standard"):
    return {"rules": rules, "start": start, "actions": list(actions)}


def test_the_positions_of_a_game(client):
    found = post(client, "position", game=game(actions=[5, 6])).json()
    assert [turn["turn"] for turn in found["turns"]] == ["1B2", "1B3"]
    assert found["state"]["text"] == ".....wb........./........./..../. w 0"
    assert found["first"]["text"] == EMPTY


def test_an_action_and_a_typed_turn(client):
    found = post(client, "push", game=game(), action=5).json()
    assert found["actions"] == [5]
    assert found["turn_over"]
    found = post(client, "push", game=game(SQUARE), action=5).json()
    assert not found["turn_over"]
    assert found["states"][0]["say"] == "White to take back a ball"
    found = post(client, "push", game=game(SQUARE), text=" 1b2 - 1a1 ").json()
    assert (len(found["actions"]), found["turn_over"]) == (3, True)
    assert found["states"][-1]["turn"] == "black"


def test_typed_turns_that_are_none_are_explained(client):
    assert "type a turn" in error_of(post(client, "push", game=game(), text=" "))
    assert "is no cell" in error_of(post(client, "push", game=game(), text="9Z9"))
    assert error_of(post(client, "push", game=game(), text="1B2^2A1")) == (
        "1B2^2A1 is not legal: white has no ball on 1B2"
    )
    assert "a whole number from 0 to 302" in error_of(post(client, "push", game=game(), action=303))
    assert "got nothing" in error_of(post(client, "push", game=game()))


def test_a_position_that_was_set_up(client):
    cells = "ww..ww.........." + "." * 14
    found = post(client, "setup", rules="standard", cells=cells, turn="black", pending=0).json()
    assert found["text"] == "ww..ww........../........./..../. b 0"
    assert found["state"]["turn"] == "black"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cells": "." * 16 + "w" + "." * 13}, "The ball on 2A1 does not rest on four balls."),
        ({"cells": "w" * 16 + "." * 14}, "White has 16 balls on the board; there are 15 a side."),
        ({"pending": 2}, "White has no ball that could be taken back."),
        ({"pending": 3}, "pending must be a whole number from 0 to 2, got 3"),
        ({"pending": True}, "pending must be a whole number from 0 to 2, got True"),
        ({"cells": "x" * 30}, "cells must be 30 characters, each '.', 'w' or 'b'"),
        ({"cells": None}, "cells must be a text, got nothing"),
        ({"turn": "green"}, "turn must be white or black"),
    ],
)
def test_what_cannot_be_set_up_is_explained(client, changes, sentence):
    body = {"rules": "standard", "cells": "." * 30, "turn": "white", "pending": 0, **changes}
    assert error_of(post(client, "setup", **body)) == sentence
