"""Opponents and rules of an environment; what does not fit is told in one sentence."""

import pytest

from pylos.adapters.opponents import find_opponent
from pylos.errors import ConfigurationError, PlayerError, RulesError
from pylos.players.baselines import RandomPlayer


@pytest.mark.parametrize(
    ("opponent", "rules", "name", "by"),
    [
        ("random", None, "random", "standard"),
        ("rollouts:3", "mini-mature", "rollouts:3", "mini-mature"),
        ("reference:2", None, "reference:2", "standard"),
        (RandomPlayer("mature"), None, "random", "mature"),
    ],
)
def test_an_opponent_has_rules(opponent, rules, name, by):
    player, found = find_opponent(opponent, rules, "white")
    assert (player.name, found) == (name, by)


def test_nobody_has_the_rules_that_are_asked_for():
    assert find_opponent(None, None, "white") == (None, "standard")
    assert find_opponent(None, "children", "white") == (None, "children")


class Anybody:
    name = "anybody"


def test_a_player_that_does_not_say_its_rules_plays_by_any():
    player = Anybody()
    assert find_opponent(player, "mature", "black") == (player, "mature")
    assert find_opponent(player, None, "random") == (player, "standard")


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("random", "chess", "white"), RulesError, "chess"),
        ((None, "chess", "white"), RulesError, "chess"),
        ((Anybody(), "chess", "white"), RulesError, "chess"),
        (("nobody", None, "white"), PlayerError, "no player 'nobody'"),
        (
            ("reference:2", "mini-mature", "white"),
            PlayerError,
            "no reference agent ships for the mini-mature rules",
        ),
        (
            (RandomPlayer("mature"), "children", "white"),
            PlayerError,
            "random plays 'mature' rules, not 'children'",
        ),
        (("random", None, "green"), ConfigurationError, "no color 'green'"),
        ((None, None, "black"), ConfigurationError, "needs an opponent"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, says):
    with pytest.raises(error, match=says) as found:
        find_opponent(*arguments)
    assert len(str(found.value).splitlines()) == 1
