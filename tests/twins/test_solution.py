"""The plain-Python solution of the mini game against the other twin, and against the meaning of its numbers."""

import pytest
from hypothesis import given

from tests.support.boards import RULE_NAMES, colourings
from tests.twins import rules as twin_rules
from tests.twins.solution import mask, solve, turns

MINI_NAMES = tuple(name for name in RULE_NAMES if name.startswith("mini-"))


@given(colourings(MINI_NAMES))
def test_turns_equal_those_of_the_twin(coloured):
    game, rules = coloured
    ends = {(mask(after.own), mask(after.opponent)) for after in twin_rules.turns(game, rules)}
    assert turns(mask(game.own), mask(game.opponent), rules) == ends


@pytest.mark.parametrize(("rules", "start"), [("mini-children", (-1, 16)), ("mini-mature", (0, None))])
def test_values_and_distances_follow_from_those_of_the_next_turns(rules, start):
    solution = solve(rules)
    assert len(solution) == 105_053
    assert solution[0, 0] == start
    for (own, opponent), (value, distance) in solution.items():
        after = [solution[end] for end in turns(own, opponent, rules)]
        distances = {worth: [d for v, d in after if v == worth] for worth in (1, 0, -1)}
        if distances[-1]:
            assert (value, distance) == (1, 1 + min(distances[-1]))
        elif distances[0]:
            assert (value, distance) == (0, None)
        else:
            assert (value, distance) == (-1, 1 + max(distances[1], default=-1))
