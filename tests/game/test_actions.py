"""Names and symmetries: against the plain-Python twin, and against what makes a symmetry one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylos.errors import IllegalActionError
from pylos.game.actions import CELL_NAMES, action_name, parse_action
from pylos.game.notation import format_position, parse_position
from pylos.game.rules import NUM_ACTIONS, RULES, legal_actions, step
from pylos.game.symmetry import ACTION_SYMMETRY, CELL_SYMMETRY, INVERSE_SYMMETRY, NUM_SYMMETRIES, transform
from tests.support.boards import boards, colourings
from tests.twins import rules as naive

SYMMETRIES = range(NUM_SYMMETRIES)


def test_names_and_ids_are_one_to_one():
    names = [action_name(action) for action in range(NUM_ACTIONS)]
    assert names == naive.action_names()
    assert len(set(names)) == NUM_ACTIONS == 303
    assert [parse_action(name) for name in names] == list(range(303))
    assert [parse_action(name.lower()) for name in names] == list(range(303))
    assert [naive.NAMES[cell] for cell in naive.CELLS] == list(CELL_NAMES)


def test_stop_is_named_by_the_pending_take_back():
    assert [action_name(29, pending) for pending in (0, 1, 2)] == ["4A1", "=", "="]
    assert parse_action("=") == parse_action("4A1") == 29
    assert action_name(28, pending=1) == "3B2"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("", "''"),
        ("1E1", "'1E1'"),
        ("5A1", "'5A1'"),
        ("2D1", "'2D1'"),
        (" 1A1", "' 1A1'"),
        ("-", "''"),
        ("-1B9", "'1B9' in '-1B9'"),
        ("-4A1", "apex"),
        ("1B2^4A1", "raised to the apex"),
        ("1B2^1C2", "higher level"),
        ("2A1^1A1", "higher level"),
        ("1B2^", "'' in '1B2"),
        ("1B2^2A1^3A1", r"'2A1\^3A1'"),
        ("==", "'=='"),
    ],
)
def test_names_of_nothing_are_refused(name, wrong):
    with pytest.raises(IllegalActionError, match=wrong):
        parse_action(name)


@pytest.mark.parametrize("action", [-1, 303])
def test_ids_of_nothing_are_refused(action):
    with pytest.raises(IllegalActionError, match=str(action)):
        action_name(action)


def test_symmetry_tables():
    everything = np.arange(303)
    assert (CELL_SYMMETRY[0] == everything[:30]).all()
    assert (ACTION_SYMMETRY[0] == everything).all()
    for s in SYMMETRIES:
        assert [naive.CELLS[c] for c in CELL_SYMMETRY[s]] == [naive.moved(c, s) for c in naive.CELLS]
        assert (np.sort(ACTION_SYMMETRY[s]) == everything).all()
        assert (ACTION_SYMMETRY[INVERSE_SYMMETRY[s]][ACTION_SYMMETRY[s]] == everything).all()
        for t in SYMMETRIES:  # closed under composition, hence all eight of the square
            assert any((CELL_SYMMETRY[u] == CELL_SYMMETRY[s][CELL_SYMMETRY[t]]).all() for u in SYMMETRIES)
    assert len(np.unique(CELL_SYMMETRY, axis=0)) == 8


@given(st.one_of(boards().map(lambda board: (naive.parse(board.text), board.rules)), colourings()))
def test_transform_matches_the_twin(game_and_rules):
    game, rules = game_and_rules
    position = parse_position(naive.format_game(game), rules)
    for symmetry in SYMMETRIES:
        expected = naive.format_game(naive.transform(game, symmetry))
        assert format_position(transform(position, symmetry)) == expected


@given(boards())
def test_symmetry_commutes_with_the_rules(board):
    code = RULES[board.rules]
    out = np.empty(NUM_ACTIONS, np.int64)
    for symmetry in SYMMETRIES:
        moved = transform(board.position, symmetry)
        assert transform(moved, int(INVERSE_SYMMETRY[symmetry])) == board.position
        legal = out[: legal_actions(moved, code, out)]
        images = ACTION_SYMMETRY[symmetry][board.legal_actions]
        assert sorted(images) == list(legal)
        for action, image in zip(board.legal_actions, images, strict=True):
            after = step(board.position, int(action), code)
            assert transform(after, symmetry) == step(moved, int(image), code)
