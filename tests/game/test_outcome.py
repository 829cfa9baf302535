"""How games end: the same as in matches, which count repetitions in kernels of their own."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylos.arena.match import BLACK_WINS, DRAW, RUNNING, WHITE_WINS, play_games
from pylos.errors import IllegalActionError
from pylos.game.board import Board
from pylos.game.outcome import MOST_PLIES, Outcome, outcome_of, outcome_on, play_on
from pylos.game.rules import RULES, occurrences, step
from pylos.players.baselines import RandomPlayer
from tests.support.boards import RULE_NAMES, random_game

REASONS = {DRAW: {"repetition", "move_limit"}, WHITE_WINS: {"no_move"}, BLACK_WINS: {"no_move"}}
WINNERS = {DRAW: None, WHITE_WINS: "white", BLACK_WINS: "black"}


def actions_of(positions: list[int], rules: str) -> list[int]:
    actions = []
    for before, after in itertools.pairwise(positions):
        legal = Board.from_position(before, rules).legal_actions.tolist()
        actions.append(next(action for action in legal if step(before, action, RULES[rules]) == after))
    return actions


@pytest.mark.parametrize("rules", ["mini-children", "mini-standard", "mini-mature-optional", "standard"])
def test_games_end_as_in_matches(rules):
    player = RandomPlayer(rules)
    played = play_games(player, [player], games=10, rules=rules, key=3)
    for positions, ply, result in zip(played.positions, played.ply, played.outcome, strict=True):
        actions = actions_of(positions[: ply + 1].tolist(), rules)
        found = outcome_of(rules, None, actions)
        assert found is not None
        assert result != RUNNING
        assert found.winner == WINNERS[result]
        assert found.reason in REASONS[result]
        assert outcome_of(rules, None, actions[:-1]) is None
        with pytest.raises(IllegalActionError, match=r"the game is over\. (White|Black|A draw)"):
            outcome_of(rules, None, [*actions, 0])


@given(st.sampled_from(RULE_NAMES), st.integers(0, 2**32))
def test_no_move_is_the_end_and_says_who_has_won(rules, seed):
    board = random_game(rules, 200, seed)
    outcome = outcome_on(board)
    if board.is_over:
        assert outcome == Outcome(board.winner, "no_move")
        assert outcome.text.lower().startswith(f"{board.winner} has won: {board.turn} cannot")


def test_the_third_occurrence_is_a_draw_as_in_matches():
    start = "ww..w.....bb..b./........./..../. w 0"
    board = Board.from_text(start)
    for turn in ["1B2-1B2", "1D4-1D4"] * 2:
        assert outcome_on(board) is None
        board.push(turn)
        positions = np.array(board.positions)
        assert occurrences(positions, len(positions) - 1) == board.positions.count(board.position)
    assert board.text == start
    outcome = outcome_of("standard", start, board.actions)
    assert outcome == Outcome(None, "repetition")
    assert outcome.text == "A draw: the same position has occurred 3 times."
    with pytest.raises(IllegalActionError, match=r"the game is over\. A draw"):
        play_on(board, "1B2")


def test_the_limit_of_plies():
    board = Board("mini-mature-optional")
    positions = iter(range(10**6))
    board._history = [(next(positions) << 1, 0) for _ in range(MOST_PLIES - 1)]
    assert outcome_on(board) is None
    board._history.append((1, 0))
    assert outcome_on(board) == Outcome(None, "move_limit")
    assert "200 actions" in outcome_on(board).text


def test_a_start_counts_as_the_first_position():
    board = Board.from_text("................/ww......./..../. w 0", "mini-standard")
    assert outcome_of("mini-standard", board.text, []) is None
    play_on(board, "2B1")
    assert outcome_of("mini-standard", "................/ww......./..../. w 0", board.actions) is None
