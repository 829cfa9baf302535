"""Names of actions against the plain-Python twin, and names of nothing."""

import pytest

from pylos.errors import IllegalActionError
from pylos.game.actions import CELL_NAMES, action_name, parse_action
from pylos.game.rules import NUM_ACTIONS
from tests.twins import rules as twin_rules


def test_names_and_ids_are_one_to_one():
    names = [action_name(action) for action in range(NUM_ACTIONS)]
    assert names == twin_rules.action_names()
    assert len(set(names)) == NUM_ACTIONS == 303
    assert [parse_action(name) for name in names] == list(range(303))
    assert [parse_action(name.lower()) for name in names] == list(range(303))
    assert [twin_rules.NAMES[cell] for cell in twin_rules.CELLS] == list(CELL_NAMES)


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
