"""Whole turns against the plain-Python twin."""

import naive
import numpy as np
from hypothesis import given
from strategies import boards, colourings

from pylos.board import Board
from pylos.notation import format_position
from pylos.rules import RULES
from pylos.turns import MAX_TURNS, other_turns, plain_places


def lists_of_turns(position: int, rules: str) -> tuple[list[int], list[int]]:
    """What the turns lead to: the plain places, and all others."""
    out = np.empty(MAX_TURNS, np.int64)
    places = out[: plain_places(position, RULES[rules], out)].tolist()
    return places, out[: other_turns(position, RULES[rules], out)].tolist()


def assert_same_turns(game: naive.Game, rules: str) -> None:
    places, others = lists_of_turns(Board.from_text(naive.format_game(game), rules).position, rules)
    expected = [naive.format_game(after) for after in naive.turns(game, rules)]
    assert sorted(map(format_position, places + others)) == sorted(expected)
    plain = [
        naive.format_game(after)
        for action in naive.legal(game, rules)
        if action[0] is None and not (after := naive.step(game, action, rules)).pending
    ]
    assert sorted(map(format_position, places)) == sorted(plain)


@given(boards())
def test_turns_in_games(board):
    while board.pending:
        board.pop()
    assert_same_turns(naive.parse(board.text), board.rules)


@given(colourings())
def test_turns_in_any_position(coloured):
    assert_same_turns(*coloured)
