"""The levels that ship, and the draw of an action."""

from collections import Counter

import numpy as np
import pytest

from pylos.errors import NonFiniteNetworkError, PlayerError, RulesError
from pylos.game.rules import FULL_RULES, MINI_RULES, RULES
from pylos.players.levels import LEVELS, draw_action, find_level, level_table, levels
from pylos.players.naming import make_player

NAMES = list(LEVELS)


@pytest.mark.parametrize("rules", FULL_RULES)
def test_every_rule_set_has_eight_levels_in_steps(rules):
    table = levels(rules)
    assert [level.name for level in table] == NAMES
    assert {level.agent for level in table} == {"reference"}
    elo = [level.elo for level in table]
    steps = np.diff(elo)
    assert 1050 < elo[0] < 1350
    assert steps.min() > 0
    assert steps.max() < 2.5 * steps.mean()
    assert all(level.elo_low <= level.elo <= level.elo_high for level in table)
    assert table[-1].temperature == 0
    assert 1000 <= table[-1].simulations <= 2000


@pytest.mark.parametrize("rules", MINI_RULES)
def test_small_rule_sets_have_some_of_them(rules):
    table = levels(rules)
    assert [level.name for level in table] == [name for name in NAMES if name in {lv.name for lv in table}]
    assert len(table) >= 3
    assert {level.agent for level in table} == {"rollouts"}
    assert (np.diff([level.elo for level in table]) > 0).all()


@pytest.mark.parametrize("rules", RULES)
def test_the_table_is_of_the_agents_that_ship(rules):
    entry = level_table()[rules]
    if rules in FULL_RULES:
        assert entry["weights_digest"] == make_player("reference:1", rules).weights_digest
    else:
        assert entry["weights_digest"] is None
    assert entry["script"] == "benchmarks/levels.py"
    assert entry["anchors"]["random"]["elo"] == 1000


def test_a_level_is_found_by_its_name():
    level = find_level("mature", "club")
    assert (level.name, level.title, level.rules) == ("club", "Club player", "mature")
    assert level in levels("mature")
    with pytest.raises(PlayerError, match="no level 'king' of the mature rules; there are child, beginner, "):
        find_level("mature", "king")
    with pytest.raises(RulesError, match="chess"):
        levels("chess")


def shares(weights: list[float], temperature: float, draws: int = 4000) -> list[float]:
    actions = list(range(100, 100 + len(weights)))
    drawn = Counter(draw_action(actions, weights, temperature, key) for key in range(draws))
    assert set(drawn) <= set(actions)
    return [drawn[action] / draws for action in actions]


def test_an_action_is_drawn_at_a_temperature():
    weights = [0, 100, 400, 0, 500, 0]
    assert shares(weights, 1) == pytest.approx([0, 0.1, 0.4, 0, 0.5, 0], abs=0.03)
    roots = np.sqrt([1, 4, 5])
    one, four, five = roots / roots.sum()
    assert shares(weights, 2) == pytest.approx([0, one, four, 0, five, 0], abs=0.03)
    assert shares(weights, 1e9) == pytest.approx([0, 1 / 3, 1 / 3, 0, 1 / 3, 0], abs=0.03)
    assert shares(weights, 1e-3) == [0, 0, 0, 0, 1, 0]
    assert shares(weights, 0) == [0, 0, 0, 0, 1, 0]
    assert shares([w / 1000 for w in weights], 1) == shares(weights, 1)


def test_chance_decides_between_equals_at_temperature_0():
    assert shares([300, 1, 300], 0) == pytest.approx([0.5, 0, 0.5], abs=0.03)


def test_a_draw_depends_on_its_key_alone():
    weights = np.array([3, 4, 5], np.int16)
    drawn = [draw_action(np.array([7, 8, 9], np.int16), weights, 1, key) for key in range(20)]
    assert drawn == [draw_action([7, 8, 9], [3.0, 4.0, 5.0], 1, key) for key in range(20)]
    assert len(set(drawn)) == 3


def test_without_weights_there_is_nothing_to_draw():
    for weights in ([0, 0], [float("nan")] * 2, []):
        with pytest.raises(NonFiniteNetworkError, match="found nothing to play"):
            draw_action(list(range(len(weights))), weights, 1, 0)
