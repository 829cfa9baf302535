"""Moves with the numbers under which their entries are found; that they arrive earlier changes nothing but time."""

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.game.position import take_backs
from pylos.game.rules import MINI_RULES, RULES, step
from pylos.game.turns import EARNING, TURN_ROOM, ends_of_turn
from pylos.solution.indexing import build_index, number_of
from pylos.solution.prefetching import prefetch_entries, prefetch_moves
from tests.support.boards import random_game


@pytest.mark.parametrize("rules", MINI_RULES)
def test_moves_that_end_the_turn_become_numbers_and_the_others_stay_positions(rules):
    code, index, table = RULES[rules], build_index(RULES[rules]), np.zeros(1 << 17, np.uint8)
    earned = 0
    for seed in range(60):
        board = random_game(rules, 3 + seed % 15, seed)
        if board.pending or board.is_over:
            continue
        after = [int(step(board.position, int(action), code)) for action in board.legal_actions]
        earning = [position for position in after if take_backs(position)]
        ending = [int(number_of(index, position)) for position in after if not take_backs(position)]
        turns = np.zeros(TURN_ROOM, np.int64)
        n, m = prefetch_moves(index, table, 0, board.position, code, turns)
        assert sorted(turns[:n].tolist()) == sorted(ending)
        ends = np.zeros(TURN_ROOM, np.int64)
        found = [
            ends[: ends_of_turn(move, code, ends)].tolist() for move in turns[EARNING : EARNING + m].tolist()
        ]
        expected = [ends[: ends_of_turn(position, code, ends)].tolist() for position in earning]
        assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
        earned += m
    assert (earned > 0) == (rules != "mini-children")


def test_positions_become_numbers_as_many_as_asked_for():
    index = build_index(RULES["mini-standard"])
    positions = np.array([random_game("mini-standard", steps, 0).position for steps in range(3)])
    assert not any(Board.from_position(int(p), "mini-standard").pending for p in positions)
    given = positions.copy()
    prefetch_entries(index, np.zeros(1 << 17, np.uint8), 2, given, 2)
    assert given.tolist() == [*(int(number_of(index, p)) for p in positions[:2]), positions[2]]
