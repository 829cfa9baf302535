"""The kernels of many games do what a board does, game by game."""

import numpy as np
import pytest

from pylos.adapters.batch import (
    ILLEGAL,
    PLAYING,
    REPEATED,
    TOO_LONG,
    WON,
    judge,
    look_at_all,
    look_at_some,
    new_games,
    new_seen,
    play_all,
    play_some,
)
from pylos.adapters.views import view
from pylos.game.board import Board
from pylos.game.outcome import MOST_PLIES, outcome_on
from pylos.game.rules import MAX_LEGAL_ACTIONS, RULES
from tests.support.boards import RULE_NAMES, random_game

NUMBER = 12
SCRATCH = np.empty(MAX_LEGAL_ACTIONS, np.int64)
OLD = np.zeros(NUMBER, np.bool_)


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_games_go_as_on_boards(rules):
    code = RULES[rules]
    played = [random_game(rules, 200, seed) for seed in range(NUMBER)]
    boards = [Board(rules) for _ in played]
    games, seen = new_games(NUMBER), new_seen(NUMBER)
    for ply in range(200):
        on = [i for i in range(NUMBER) if outcome_on(boards[i]) is None]
        if not on:
            break
        actions = np.array([played[i].actions[ply] for i in on])
        for i, action in zip(on, actions, strict=True):
            boards[i].push(action)
        play_some(games, np.array(on), actions, code, SCRATCH)
        judge(games, seen, 0, NUMBER)
        look_at_all(games, seen, code, True, 0, NUMBER, SCRATCH)
        for i, board in enumerate(boards):
            expected = view(board.position, board.turn == "black", code)
            assert seen.position[i] == board.position
            assert np.array_equal(seen.observation[i], expected["observation"])
            assert np.array_equal(seen.action_mask[i], expected["action_mask"])
            assert (seen.terminations[i] | seen.truncations[i]) == (outcome_on(board) is not None)
    reasons = {WON: "no_move", REPEATED: "repetition", TOO_LONG: "move_limit"}
    assert [reasons[state] for state in games.states] == [outcome_on(board).reason for board in boards]
    assert list(games.plies) == [len(board.actions) for board in boards]


def test_only_the_rows_of_a_share_are_touched():
    games, seen = new_games(NUMBER), new_seen(NUMBER)
    new = OLD.copy()
    new[4] = True
    play_all(games, np.arange(NUMBER), new, RULES["standard"], 3, 6, SCRATCH)
    assert list(np.flatnonzero(games.plies)) == [3, 5]
    look_at_all(games, seen, RULES["standard"], True, 3, 5, SCRATCH)
    assert list(np.flatnonzero(seen.action_mask.any(axis=1))) == [3, 4]
    look_at_some(games, seen, np.array([0, 11]), RULES["standard"], True, SCRATCH)
    assert list(np.flatnonzero(seen.action_mask.any(axis=1))) == [0, 3, 4, 11]


@pytest.mark.parametrize("action", [29, 303, -1, 2**40])
def test_an_illegal_action_ends_the_game_where_it_was(action):
    games, seen = new_games(1), new_seen(1)
    play_some(games, np.array([0]), np.array([action]), RULES["standard"], SCRATCH)
    judge(games, seen, 0, 1)
    assert (games.states[0], games.plies[0]) == (ILLEGAL, 0)
    assert (seen.rewards[0], seen.terminations[0], seen.truncations[0], seen.illegal[0]) == (-1, 1, 0, 1)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (PLAYING, (0, False, False, False)),
        (REPEATED, (0, True, False, False)),
        (TOO_LONG, (0, False, True, False)),
        (ILLEGAL, (-1, True, False, True)),
    ],
)
def test_an_end_is_judged(state, expected):
    games, seen = new_games(1), new_seen(1)
    games.states[0] = state
    judge(games, seen, 0, 1)
    assert (seen.rewards[0], seen.terminations[0], seen.truncations[0], seen.illegal[0]) == expected


def test_the_reward_is_that_of_the_side_that_sees_the_game():
    board = random_game("standard", 200, 5)
    for side in (0, 1):
        games, seen = new_games(1), new_seen(1)
        games.sides[0] = side
        for action in board.actions:
            play_some(games, np.array([0]), np.array([action]), RULES["standard"], SCRATCH)
        judge(games, seen, 0, 1)
        assert seen.rewards[0] == (1 if board.winner == ("white", "black")[side] else -1)


def test_repetition_and_length_are_draws():
    for plies, position, state in ((4, 0, REPEATED), (MOST_PLIES - 1, 7, TOO_LONG)):
        games = new_games(1)
        after = Board()
        after.push(5)
        games.plies[0] = plies
        games.positions[0, : plies + 1] = 2**20 + np.arange(plies + 1)  # all different
        games.positions[0, [0, 2]] = after.position if state == REPEATED else position
        games.positions[0, plies] = 0
        play_some(games, np.array([0]), np.array([5]), RULES["standard"], SCRATCH)
        assert games.states[0] == state
