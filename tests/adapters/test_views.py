"""What an agent sees is the observation of the network, from its own side."""

import numpy as np
from hypothesis import given

from pylos.adapters.views import observation_space, reward_of, view
from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.outcome import Outcome
from pylos.game.position import SIDES, mover, opponent_cells, own_cells, pack
from pylos.game.rules import NUM_ACTIONS, RULES
from tests.support.boards import boards


@given(boards())
def test_the_side_to_move_sees_what_the_network_sees(board):
    seen = view(board.position, SIDES.index(board.turn), RULES[board.rules])
    expected = np.empty(OBSERVATION_SIZE, np.float32)
    observe(board.position, RULES[board.rules], expected)
    assert np.array_equal(seen["observation"], expected)
    assert list(np.flatnonzero(seen["action_mask"])) == list(board.legal_actions)
    assert set(np.unique(seen["action_mask"])) <= {0, 1}
    assert seen in observation_space()


@given(boards())
def test_the_other_side_sees_the_same_balls_from_its_own_side(board):
    position, side = board.position, 1 - mover(board.position)
    seen = view(position, side, RULES[board.rules])
    other = np.empty(OBSERVATION_SIZE, np.float32)
    observe(pack(opponent_cells(position), own_cells(position), 0, side), RULES[board.rules], other)
    assert np.array_equal(seen["observation"], other)
    assert seen["action_mask"].shape == (NUM_ACTIONS,)
    assert not seen["action_mask"].any()
    assert seen in observation_space()


def test_rewards_are_those_of_a_side():
    won, drawn = Outcome("black", "no_move"), Outcome(None, "repetition")
    assert [reward_of(won, side) for side in SIDES] == [-1, 1]
    assert [reward_of(drawn, side) for side in SIDES] == [0, 0]
