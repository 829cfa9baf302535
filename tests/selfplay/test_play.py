"""Self-play against its plain-Python twin, and the laws of what it leaves in the buffer."""

import functools
import io
import itertools

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.kernels.randomness import derive_key
from pylos.search.options import SearchOptions
from pylos.selfplay.options import GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from tests.support.boards import RULE_NAMES, moved
from tests.support.evaluators import Evaluation, hashed, single
from tests.twins import search as twin_search
from tests.twins import selfplay as twin_selfplay

SEARCH = SearchOptions(simulations=8, dirichlet_fraction=0.25)


def _self_play(rules="standard", games=5, search=SEARCH, options=None, key=1, **more) -> SelfPlay:
    return SelfPlay(games, RULES[rules], search, options or GameOptions(), key=key, **more)


def _buffer(search: SearchOptions = SEARCH, capacity: int = 5000) -> ReplayBuffer:
    return ReplayBuffer(capacity, search.width)


def _samples(buffer: ReplayBuffer) -> list[twin_selfplay.Sample]:
    columns = (column[: len(buffer)].tolist() for column in buffer.samples)
    return [
        (position, {a: n for a, n in zip(actions, weights, strict=True) if n}, *rest)
        for position, actions, weights, *rest in zip(*columns, strict=True)
    ]


def _games(buffer: ReplayBuffer) -> list[list[twin_selfplay.Sample]]:
    """The samples game by game."""
    return [list(samples) for _, samples in itertools.groupby(_samples(buffer), lambda sample: sample[3])]


def _cyclic(positions: np.ndarray) -> Evaluation:
    """Wants formations, and one ball back for each: games that go round in circles."""
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
    )
    stream = derive_key(key, "selfplay", rank)
    expected = twin_selfplay.SelfPlay(rules, 3, twin, options, stream)
    play, buffer = _self_play(rules, 3, search, options, key, rank=rank), _buffer(search)
    for part in (1, games - 1):
        before = len(expected.results)
        expected.play(part)
        stats = play.play(part, evaluate, buffer)
        assert stats.games == len(expected.results) - before
        assert stats.plies == sum(plies for _, plies in expected.results[before:])
    for sample, theirs in itertools.zip_longest(_samples(buffer), expected.samples):
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


def test_openings_are_of_every_length():
    play, buffer = _self_play(games=40, options=GameOptions(opening_plies=4)), _buffer(capacity=20_000)
    play.play(200, hashed, buffer)
    counts = np.bincount([game[0][4] for game in _games(buffer)])
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
    expected = _assert_equals_twin("standard", options, _cyclic, 4, search=SearchOptions(simulations=6))
    assert "repetition" in {ending for ending, _ in expected.results}


def test_the_statistics_count_scores_and_draws():
    options = GameOptions(max_moves=44, move_limit_draw_value=1.0)
    play, buffer = _self_play("mature", 20, options=options), _buffer()
    heard = []
    stats = play.play(30, hashed, buffer, lambda games, positions: heard.append((games, positions)))
    games = _games(buffer)
    draws = [game for game in games if len(game) == 44 and game[0][2] == game[1][2] == 1.0]
    white_wins = [game for game in games if game not in draws and game[0][2] == 1.0]
    assert 0 < len(draws) < len(games)
    assert (stats.games, stats.plies) == (len(games), len(_samples(buffer)))
    assert stats.draw_rate == pytest.approx(len(draws) / len(games))
    assert stats.first_player_score == pytest.approx((len(white_wins) + len(draws) / 2) / len(games))
    assert heard == [(n, 20 * (i + 1)) for i, (n, _) in enumerate(heard)]
    assert heard[-1] == (stats.games, stats.positions)


@pytest.mark.parametrize("rules", RULE_NAMES)
def test_samples_are_real_games_with_outcomes_from_each_movers_view(rules):
    buffer = _buffer()
    _self_play(rules, 8).play(12, hashed, buffer)
    for game in _games(buffer):
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


def test_temperature_ends_after_its_moves():
    """Without noise and chance a game is one line; with chance in its first actions only it branches there."""
    search, buffer = SearchOptions(simulations=20), _buffer(SearchOptions(simulations=20))
    _self_play("children", 12, search, GameOptions(temperature_moves=3)).play(12, hashed, buffer)
    drawn = 0
    for game in _games(buffer):
        for ply, ((position, visits, *_), (after, *_)) in enumerate(itertools.pairwise(game)):
            best = [action for action in visits if visits[action] == max(visits.values())]
            chosen_best = after in [
                moved(Board.from_position(position, "children"), a).position for a in best
            ]
            assert chosen_best or ply < 3
            drawn += not chosen_best
    assert drawn > 5


def test_unfinished_games_carry_over_and_slots_are_filled_at_once():
    play, buffer = _self_play(games=6), _buffer()
    positions = [play.play(1, hashed, buffer).positions for _ in range(12)]
    finished = _games(buffer)
    # Had games been dropped, or slots been left empty, more decisions would have been searched than are accounted for.
    in_flight = int(play.state_dict()["ply"].sum())
    assert sum(positions) == sum(map(len, finished)) + in_flight
    assert len(finished) >= 12


def _same(first: ReplayBuffer, second: ReplayBuffer) -> bool:
    return first.added == second.added and all(
        (a == b).all() for a, b in zip(first.samples, second.samples, strict=True)
    )


def test_key_and_rank_name_the_games():
    buffers = {}
    for name in ((1, 0), (1, 0, "again"), (1, 1), (2, 0)):
        buffers[name] = _buffer()
        _self_play(key=name[0], rank=name[1]).play(4, hashed, buffers[name])
    assert _same(buffers[1, 0], buffers[1, 0, "again"])
    assert not _same(buffers[1, 0], buffers[1, 1])
    assert not _same(buffers[1, 0], buffers[2, 0])


def test_threads_do_not_change_the_games():
    buffers = [_buffer(), _buffer()]
    for threads, buffer in zip((1, 3), buffers, strict=True):
        _self_play(games=7, threads=threads).play(8, hashed, buffer)
    assert _same(*buffers)


def _saved(state: dict) -> dict:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("parts", [(3, 4), (1, 0, 6), (0, 5)])
def test_a_resumed_run_goes_on_exactly(parts):
    """Stopped after each part or not, the same games come out, those in flight included."""
    options = GameOptions(opening_plies=6)
    straight, buffer = _self_play(options=options), _buffer()
    for games in parts:
        _play(straight, games, buffer)
    resumed, resumed_buffer = _self_play(options=options), _buffer()
    for games in parts:
        _play(resumed, games, resumed_buffer)
        states = _saved(resumed.state_dict()), _saved(resumed_buffer.state_dict())
        resumed, resumed_buffer = _self_play(options=options), _buffer()
        resumed.load_state_dict(states[0])
        resumed_buffer.load_state_dict(states[1])
    assert _same(buffer, resumed_buffer)
    first, second = straight.state_dict(), resumed.state_dict()
    assert first["next_number"] == second["next_number"]
    for name in ("number", "opening", "ply"):
        assert torch.equal(first[name], second[name])


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor])
def test_numbers_of_numpy_and_torch_play_the_games_of_plain_ones(kind):
    plain, other = _buffer(), _buffer()
    _self_play(games=3, key=1, rank=2).play(2, hashed, plain)
    options = GameOptions(max_moves=kind(200), repetition_limit=kind(5))
    search = SearchOptions(simulations=kind(SEARCH.simulations), dirichlet_fraction=np.float64(0.25))
    assert search == SEARCH
    play = _self_play(
        games=kind(3), search=search, options=options, key=kind(1), rank=kind(2), threads=kind(1)
    )
    play.play(kind(2), hashed, other)
    assert _samples(plain) == _samples(other)
    saved = io.BytesIO()
    torch.save(play.state_dict(), saved)
    saved.seek(0)
    torch.load(saved, weights_only=True)


@pytest.mark.parametrize(
    "bad", [{"games": 0}, {"games": 2.0}, {"rank": -1}, {"threads": 0}, {"games": 10**9}]
)
def test_impossible_numbers_are_refused(bad):
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        _self_play(**bad)


def _play(play: SelfPlay, games: int, buffer: ReplayBuffer) -> None:
    """Plays so many games; 0 stands for a few plies."""
    if games:
        play.play(games, hashed, buffer)
        return

    class EnoughError(Exception):
        pass

    def stop(games: int, positions: int) -> None:
        if positions == 5 * 7:
            raise EnoughError

    with pytest.raises(EnoughError):
        play.play(1000, hashed, buffer, stop)


def test_games_that_do_not_fit_are_refused():
    state = _self_play(games=5).state_dict()
    for other in (_self_play(games=4), _self_play(search=SearchOptions(simulations=9))):
        with pytest.raises(ConfigurationError, match="do not fit"):
            other.load_state_dict(state)
    play = _self_play(games=5)
    _play(play, 0, _buffer())
    with pytest.raises(ConfigurationError, match="max_moves"):
        _self_play(games=5, options=GameOptions(max_moves=3)).load_state_dict(play.state_dict())
