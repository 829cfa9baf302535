"""Positions and turns as text: what is read, and what is refused."""

import re

import pytest
from hypothesis import given

from pylos.errors import PositionError
from pylos.game.notation import format_position, parse_position, parse_positions, split_turn
from tests.support.boards import colourings
from tests.twins import rules as twin_rules


@given(colourings())
def test_what_the_twin_writes_is_read_and_written_again(game_and_rules):
    game, rules = game_and_rules
    text = twin_rules.format_game(game)
    assert format_position(parse_position(text, rules)) == text


@given(colourings())
def test_many_texts_are_read_at_once(game_and_rules):
    game, rules = game_and_rules
    text = twin_rules.format_game(game)
    position = parse_position(text, rules)
    assert parse_positions([text, "", text, f" {text}", f"{text[:-1]}3"], rules) == [
        position,
        -1,
        position,
        -1,
        -1,
    ]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "but got 0"),
        ("................/........./..../. w", "but got 2"),
        ("................/........./..../. w 0 x", "but got 4"),
        ("................/........./.... w 0", "3"),
        ("................/........./..../././ w 0", "6"),
        (".............../........./..../. w 0", "level 1 has 16 cells, but 15"),
        ("................/........../..../. w 0", "level 2 has 9 cells, but 10"),
        ("................/........./..../.. w 0", "level 4 has 1 cells, but 2"),
        ("x.............../........./..../. w 0", "level 1 holds 'x'"),
        ("W.............../........./..../. w 0", "level 1 holds 'W'"),
        ("................/........./..../. white 0", "not 'white'"),
        ("................/........./..../. w 3", "not '3'"),
        ("................/........./..../. w -1", "not '-1'"),
        ("www.w.../........./..../. w 0", "level 1"),
        ("ww..w.........../w......../..../. w 0", "2A1 does not rest"),
    ],
)
def test_a_text_that_is_refused_is_quoted(text, wrong):
    with pytest.raises(PositionError, match=re.escape(wrong)) as error:
        parse_position(text, "standard")
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("turn", "names"),
    [
        ("1B2", ["1B2"]),
        ("1B2^2A1-1A1", ["1B2^2A1", "-1A1"]),
        ("1B2-1A1-1C3", ["1B2", "-1A1", "-1C3"]),
        ("1B2-1A1=", ["1B2", "-1A1", "="]),
        ("1B2=", ["1B2", "="]),
        ("-1A1", ["-1A1"]),
        ("-1A1=", ["-1A1", "="]),
        ("=", ["="]),
        ("", [""]),
        ("1B2-", ["1B2", "-"]),
    ],
)
def test_a_turn_is_split_into_its_actions(turn, names):
    assert split_turn(turn) == names
