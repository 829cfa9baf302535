"""The shapes to which turns lead, compared with the turns of the plain-Python solution."""

import numpy as np
import pytest

from pylos.game.position import opponent_cells, own_cells
from pylos.game.rules import MINI_RULES, RULES
from pylos.solution.indexing import build_index, position_at, shape_of
from pylos.solution.successors import shape_successors
from tests.twins import solution as twin_solution


def reached(rules: str, shape: int) -> set[int]:
    """The shapes to which the turns of a shape lead in any colouring, by the twin."""
    index, code = build_index(RULES[rules]), RULES[rules]
    first, size = int(index.offsets[shape]), int(index.sizes[shape])
    positions = [int(position_at(index, number, code)) for number in range(first, first + size)]
    ends = {
        end
        for position in positions
        for end in twin_solution.turns(own_cells(position), opponent_cells(position), rules)
    }
    return {int(shape_of(index, own | opponent)) for own, opponent in ends}


@pytest.mark.parametrize("rules", MINI_RULES)
def test_no_turn_leads_to_another_shape(rules):
    index = build_index(RULES[rules])
    successors, starts = shape_successors(index, RULES[rules])
    assert len(starts) == len(index.shapes)
    rng = np.random.default_rng(0)
    for shape in rng.choice(len(index.shapes), 25, replace=False).tolist():
        own = successors[starts[shape] :][: np.append(starts, len(successors))[shape + 1] - starts[shape]]
        assert sorted(set(own.tolist())) == own.tolist()
        expected = reached(rules, shape) | {shape}
        if rules == "mini-children":  # without take-backs any pile after a turn is possible in some colours
            assert set(own.tolist()) == expected
        assert set(own.tolist()) >= expected
