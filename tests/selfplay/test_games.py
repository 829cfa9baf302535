"""Games of self-play against the twin, and the laws of the samples that they leave."""

import functools
import itertools

import numpy as np
import pytest

from pylos.game.board import Board
from pylos.kernels.randomness import derive_key
from pylos.search.options import SearchOptions
from pylos.selfplay.options import GameOptions
from tests.support.boards import RULE_NAMES, moved
from tests.support.evaluators import Evaluation, hashed, single
from tests.support.selfplay import SEARCH, games_of, new_buffer, samples_of, self_play
from tests.twins import search as twin_search
from tests.twins import selfplay as twin_selfplay


def _cyclic(positions: np.ndarray) -> Evaluation:
    """Prefers formations and takes one ball back for each, so that games run in cycles."""
    values, log_policy = hashed(positions)
    for row, position in enumerate(positions.tolist()):
        board = Board.from_position(position, "standard")
        if board.pending:
            log_policy[row, 29] += 8 if board.pending == 1 else 0
        else:
            for action in board.legal_actions:
                log_policy[row, action] += 12 * (moved(board, int(action)).pending > 0)
    return values * 0, log_policy


def _assert_equals_twin(
    rules, options, evaluate, games, key=3, rank=0, search=SEARCH
) -> twin_selfplay.SelfPlay:
    twin = twin_search.Search(
        functools.partial(single, evaluate),
        search.simulations,
        dirichlet_fraction=search.dirichlet_fraction,
        draw_value=search.draw_value,
    )
    stream = derive_key(key, "selfplay", rank)
    expected = twin_selfplay.SelfPlay(rules, 3, twin, options, stream)
    play, buffer = self_play(rules, 3, search, options, key, rank=rank), new_buffer(search)
    for part in (1, games - 1):
        before = len(expected.results)
        expected.play(part)
        stats = play.play(part, evaluate, buffer)
        assert stats.games == len(expected.results) - before
        assert stats.plies == sum(plies for _, plies in expected.results[before:])
    for sample, theirs in itertools.zip_longest(samples_of(buffer), expected.samples):
        assert sample[:-2] == theirs[:-2]
        assert sample[-2:] == pytest.approx(theirs[-2:], rel=1e-4, abs=1e-6)
    return expected


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_the_buffer_equals_that_of_the_twin(rules):
    expected = _assert_equals_twin(rules, GameOptions(temperature_moves=6), hashed, 5)
    assert {ending for ending, _ in expected.results} <= {"white", "black"}


@pytest.mark.parametrize("rules", ["mini-mature", "standard"])
@pytest.mark.parametrize("plies", [1, 9, 80])
def test_games_begin_with_random_actions_that_do_not_end_them(rules, plies):
    expected = _assert_equals_twin(rules, GameOptions(opening_plies=plies, temperature_moves=2), hashed, 12)
    lengths = {number: ply for *_, number, ply, _, _ in reversed(expected.samples)}.values()
    assert max(lengths) > min(lengths)
    assert max(lengths) <= plies


@pytest.mark.parametrize("rules", ["mini-mature", "standard"])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_forked_games_begin_from_samples_after_a_random_action(rules, share):
    options = GameOptions(opening_plies=5, forked_games=share, temperature_moves=3)
    expected = _assert_equals_twin(rules, options, hashed, 20)
    firsts = {number: (position, ply) for position, _, _, number, ply, _, _ in reversed(expected.samples)}
    after = {
        (moved(board, int(action)).position, ply + 1)
        for position, *_, ply, _, _ in expected.samples
        for board in [Board.from_position(position, rules)]
        for action in board.legal_actions
    }
    forks = [number for number in firsts if number >= 3 and expected.forks(number)]
    others = [number for number in forks if firsts[number] not in after]  # the action would have ended them
    assert len(forks) > 3 * (1 + len(others))
    assert all(firsts[number][1] <= 5 for number in others)
    assert (len(forks) == len(firsts) - 3) == (share == 1)


def test_openings_are_of_every_length():
    play, buffer = self_play(games=40, options=GameOptions(opening_plies=4)), new_buffer(capacity=20_000)
    play.play(200, hashed, buffer)
    counts = np.bincount([game[0][4] for game in games_of(buffer)])
    assert len(counts) == 5
    assert min(counts) > 20


def test_the_move_limit_ends_games_with_its_value():
    options = GameOptions(max_moves=7, move_limit_draw_value=-0.25, repetition_draw_value=0.5)
    expected = _assert_equals_twin("standard", options, hashed, 8, rank=2)
    assert {*expected.results} == {("moves", 7)}


@pytest.mark.parametrize("limit", [2, 3])
def test_repetitions_end_games_with_their_value(limit):
    options = GameOptions(
        repetition_limit=limit, temperature_moves=0, move_limit_draw_value=0.5, repetition_draw_value=-0.75
    )
    expected = _assert_equals_twin(
        "standard", options, _cyclic, 4, search=SearchOptions(simulations=6, draw_value=-0.75)
    )
    assert "repetition" in {ending for ending, _ in expected.results}


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_samples_are_real_games_with_outcomes_from_each_movers_view(rules):
    buffer = new_buffer()
    self_play(rules, 8).play(12, hashed, buffer)
    for game in games_of(buffer):
        boards = [Board.from_position(position, rules) for position, *_ in game]
        for (board, after), (_, visits, *_) in zip(itertools.pairwise(boards), game, strict=False):
            assert after in [moved(board, action) for action in visits]
        ends = [end for action in game[-1][1] if (end := moved(boards[-1], action)).is_over]
        assert ends
        winners = {end.winner for end in ends}
        for board, (_, visits, outcome, *_) in zip(boards, game, strict=True):
            assert visits.keys() <= set(board.legal_actions.tolist())
            assert winners == {
                board.turn if outcome == 1 else {"white": "black", "black": "white"}[board.turn]
            }


def test_unfinished_games_carry_over_and_free_rows_are_filled_at_once():
    play, buffer = self_play(games=6), new_buffer()
    positions = [play.play(1, hashed, buffer).positions for _ in range(12)]
    finished = games_of(buffer)
    # If games were dropped or rows left empty, there would be more searched positions than samples and plies in flight.
    in_flight = int(play.state_dict()["ply"].sum())
    assert sum(positions) == sum(map(len, finished)) + in_flight
    assert len(finished) >= 12
