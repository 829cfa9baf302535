"""The random player and the rollouts."""

from __future__ import annotations

import numpy as np

from pylos.arena.match import play_match
from pylos.game.board import Board
from pylos.players.baselines import ROLLOUT_ROWS, RandomPlayer, RolloutPlayer
from tests.support.players import assert_legal


def test_the_random_player_is_spread_over_all_actions():
    chosen = RandomPlayer(key=5).choose([Board()] * 800)
    assert np.bincount(chosen, minlength=16).min() > 20


def test_rollouts_beat_random():
    result = play_match(RolloutPlayer(60), RandomPlayer(), games=40)
    assert result.score > 0.85


def test_more_rollouts_beat_fewer():
    assert play_match(RolloutPlayer(150), RolloutPlayer(5), games=40).score > 0.7


def test_rollouts_are_asked_for_more_boards_than_their_rows():
    boards = [Board()] * (ROLLOUT_ROWS + 3)
    assert_legal(RolloutPlayer(3).choose(boards), boards)
