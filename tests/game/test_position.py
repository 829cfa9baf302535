"""The fields of a packed position."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from pylos.game import position as fields
from pylos.game.position import CELL_MASK, START, cells_by_side, pack

CELL_MASKS = st.integers(0, CELL_MASK)


@given(CELL_MASKS, CELL_MASKS, st.integers(0, 2), st.integers(0, 1))
@example(CELL_MASK, CELL_MASK, 2, 1)
def test_a_packed_position_gives_back_its_fields(own, opponent, take_backs, mover):
    position = pack(own, opponent, take_backs, mover)
    assert position >= 0
    for field, value in (
        (fields.own_cells, own),
        (fields.opponent_cells, opponent),
        (fields.take_backs, take_backs),
        (fields.mover, mover),
    ):
        assert field(position) == value
        assert field(np.array([0, position])).tolist() == [0, value]


def test_the_start_is_empty_and_white_to_move():
    assert pack(0, 0, 0, 0) == START


@given(CELL_MASKS, CELL_MASKS)
def test_cells_by_side_do_not_depend_on_who_moves(white, black):
    assert cells_by_side(pack(white, black, 0, 0)) == (white, black)
    assert cells_by_side(pack(black, white, 2, 1)) == (white, black)
