"""Kernels for distances: which entries are due, and which are found wrong."""

import numpy as np
import pytest

from pylos.game.position import opponent_cells, own_cells
from pylos.game.rules import RULES, balls_per_player
from pylos.solution.distances import OPEN, due_distances
from pylos.solution.indexing import build_index, position_at


@pytest.mark.parametrize("excess", [0, 1, 5, 30, 63])
@pytest.mark.parametrize("rules", ["mini-standard", "standard"])
def test_what_is_due_is_open_and_has_at_most_the_excess(rules, excess):
    code = RULES[rules]
    index, rng = build_index(code), np.random.default_rng(excess)
    for shape in rng.choice(len(index.shapes), 30):
        size = min(int(index.sizes[shape]), 3000)
        first = int(index.offsets[shape]) + int(rng.integers(index.sizes[shape] - size + 1)) // 4 * 4
        size = min(size, int(index.offsets[shape] + index.sizes[shape]) - first)
        table = np.zeros(first + size, np.uint8)
        table[first:] = rng.integers(0, 256, size)
        rows = np.empty(size, np.int32)
        found = rows[: due_distances(index, table, code, excess, shape, first, size, rows)].tolist()
        assert found == [
            row for row in range(size) if table[first + row] >= OPEN
            and table[first + row] - OPEN <= least(index, code, first + row, int(table[first + row])) + 2 * excess
        ]  # fmt: skip


def least(index, code, number, entry):
    """The least entry of a position, lost if `entry` is odd: the loser's reserve takes two turns a ball."""
    position = position_at(index, number, code)
    own, opponent = own_cells(position).bit_count(), opponent_cells(position).bit_count()
    reserve = balls_per_player(code) - (own if entry & 1 else opponent)
    return 1 + 2 * reserve + 1 - (entry & 1)
