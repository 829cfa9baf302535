"""The common part of the players that search: many boards are searched in rounds, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.players.search_player import SearchPlayer
from pylos.search.evaluator import Evaluator
from pylos.search.options import SearchOptions
from tests.support.evaluators import hashed, uninformed
from tests.support.players import assert_legal, some_boards


class Searcher(SearchPlayer):
    """Searches with an evaluator, a number of boards at the same time."""

    def __init__(self, evaluate: Evaluator, rows: int) -> None:
        super().__init__("searcher", "standard", SearchOptions(simulations=16), threads=1, key=3, rows=rows)
        self._evaluate = evaluate

    def _evaluator(self, key: int) -> Evaluator:
        return self._evaluate


@pytest.mark.parametrize("rows", [1, 7, 19, 20])
def test_boards_that_are_searched_in_rounds_get_the_actions_of_a_single_round(rows: int):
    boards = some_boards(count=20)
    whole = Searcher(hashed, rows=100).choose(boards).tolist()
    assert Searcher(hashed, rows).choose(boards).tolist() == whole
    first_legal = np.array([board.legal_actions[0] for board in boards])
    assert (first_legal[7:] != whole[7:]).mean() > 0.5  # an action that no search found would be noticed


def test_every_board_has_a_key_of_its_own_in_all_rounds():
    """Among equal actions chance decides, and the evaluator finds all of them equal."""
    boards = [Board()] * 20
    whole = Searcher(uninformed, rows=100).choose(boards).tolist()
    assert Searcher(uninformed, rows=7).choose(boards).tolist() == whole
    assert len({tuple(whole[:7]), tuple(whole[7:14])}) == 2
    assert len(set(whole)) > 3


def test_a_player_that_has_searched_one_board_searches_many():
    player, boards = Searcher(hashed, rows=8), some_boards(count=20)
    player.choose(boards[:1])
    assert_legal(player.choose(boards), boards)
    assert_legal(player.choose(boards[:3]), boards[:3])
