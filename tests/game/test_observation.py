"""What the network sees, against the plain-Python twin."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pylos.game.board import Board
from pylos.game.observation import OBSERVATION_SIZE, OBSERVATION_SYMMETRY, observe, observe_all
from pylos.game.rules import RULES
from pylos.game.symmetry import CELL_SYMMETRY, transform
from tests.support.boards import boards, colourings
from tests.twins import observation as twin_observation
from tests.twins import rules as twin_rules


def _observe(position: int, rules: str) -> np.ndarray:
    # Filled with rubbish first: the kernel must write every number.
    out = np.full(OBSERVATION_SIZE, np.nan, np.float32)
    observe(position, RULES[rules], out)
    return out


@given(boards())
def test_observations_equal_their_twin(board):
    expected = np.array(twin_observation.observe(twin_rules.parse(board.text), board.rules), np.float32)
    assert _observe(board.position, board.rules).tolist() == expected.tolist()


@given(colourings())
def test_observations_of_any_pile_equal_their_twin(coloured):
    game, rules = coloured
    position = Board.from_text(twin_rules.format_game(game), rules).position
    expected = np.array(twin_observation.observe(game, rules), np.float32)
    assert _observe(position, rules).tolist() == expected.tolist()


@given(boards(), st.integers(0, 7))
def test_a_turned_position_gives_the_turned_observation(board, symmetry):
    before = _observe(board.position, board.rules)
    after = _observe(transform(board.position, symmetry), board.rules)
    planes = [np.r_[0:30], *(np.r_[start : start + 30] for start in range(34, OBSERVATION_SIZE, 30))]
    for plane in planes:
        assert (after[plane[CELL_SYMMETRY[symmetry]]] == before[plane]).all()
    assert (after[30:34] == before[30:34]).all()
    assert (after[OBSERVATION_SYMMETRY[symmetry]] == before).all()


def test_the_first_numbers_are_cells_and_reserves_from_the_movers_view():
    board = Board.from_text("w.bb............/........./..../. b 0")
    observation = _observe(board.position, "standard")
    assert observation[:4].tolist() == [-1, 0, 1, 1]
    assert not observation[4:30].any()
    assert observation[30:32].tolist() == [np.float32(13 / 15), np.float32(14 / 15)]


@given(st.lists(boards(rules=("mature",)), min_size=1, max_size=4))
def test_many_positions_are_observed_row_by_row(several):
    positions = np.array([board.position for board in several])
    out = np.full((len(several), OBSERVATION_SIZE), np.nan, np.float32)
    observe_all(positions, RULES["mature"], out)
    assert out.tolist() == [_observe(position, "mature").tolist() for position in positions]
