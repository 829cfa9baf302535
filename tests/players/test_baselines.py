"""The random player and the rollouts."""

from __future__ import annotations

import numpy as np

from pylos.arena.match import play_match
from pylos.game.board import Board
from pylos.players.baselines import ROLLOUT_ROWS, RandomPlayer, RolloutPlayer
from tests.support.boards import random_game
from tests.support.players import assert_legal, some_boards


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


def test_keys_name_the_same_choices_for_ever():
    """Recorded matches can be played again."""
    boards = some_boards(count=6)
    assert RandomPlayer(key=5).choose(boards).tolist() == [6, 10, 8, 2, 169, 6]
    assert RolloutPlayer(20, key=5).choose(boards).tolist() == [4, 3, 8, 2, 169, 9]


def test_the_playout_from_a_position_does_not_depend_on_the_batch():
    evaluate = RolloutPlayer(1)._evaluator(7)
    positions = np.array([board.position for board in some_boards(count=12)])
    values, log_policy = evaluate(positions)
    assert evaluate(positions[::-1])[0].tolist() == values.tolist()[::-1]
    assert set(values.tolist()) == {-1.0, 1.0}
    assert not log_policy.any()
    others = RolloutPlayer(1)._evaluator(8)(positions)[0]
    assert others.tolist() != values.tolist()


def test_rollouts_are_the_same_on_any_number_of_threads(monkeypatch):
    boards, chosen = [random_game("standard", plies, plies) for plies in range(20)], []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        player = RolloutPlayer(4)
        assert player._threads == int(threads)
        chosen.append(player.choose(boards).tolist())
    assert chosen[0] == chosen[1]
