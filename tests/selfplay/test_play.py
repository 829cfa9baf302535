"""Self-play as an endless stream: its statistics, its names, its threads, and how it goes on."""

from __future__ import annotations

import io
import itertools
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.game.board import Board
from pylos.game.rules import RULES
from pylos.search.options import SearchOptions
from pylos.search.search import Search
from pylos.selfplay.options import GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from tests.support.boards import moved
from tests.support.evaluators import hashed
from tests.support.selfplay import SEARCH, games_of, new_buffer, same_samples, samples_of, self_play


def test_the_statistics_count_scores_and_draws():
    options = GameOptions(max_moves=44, move_limit_draw_value=1.0)
    play, buffer = self_play("mature", 20, options=options), new_buffer()
    heard = []
    stats = play.play(30, hashed, buffer, lambda games, positions: heard.append((games, positions)))
    games = games_of(buffer)
    draws = [game for game in games if len(game) == 44 and game[0][2] == game[1][2] == 1.0]
    white_wins = [game for game in games if game not in draws and game[0][2] == 1.0]
    assert 0 < len(draws) < len(games)
    assert (stats.games, stats.plies) == (len(games), len(samples_of(buffer)))
    assert stats.draw_rate == pytest.approx(len(draws) / len(games))
    assert stats.first_player_score == pytest.approx((len(white_wins) + len(draws) / 2) / len(games))
    assert heard == [(n, 20 * (i + 1)) for i, (n, _) in enumerate(heard)]
    assert heard[-1] == (stats.games, stats.positions)


def test_temperature_ends_after_its_moves():
    """An action that is not the best one is played in the first plies only."""
    search, buffer = SearchOptions(simulations=20), new_buffer(SearchOptions(simulations=20))
    self_play("children", 12, search, GameOptions(temperature_moves=3)).play(12, hashed, buffer)
    drawn = 0
    for game in games_of(buffer):
        for ply, ((position, visits, *_), (after, *_)) in enumerate(itertools.pairwise(game)):
            best = [action for action in visits if visits[action] == max(visits.values())]
            chosen_best = after in [
                moved(Board.from_position(position, "children"), a).position for a in best
            ]
            assert chosen_best or ply < 3
            drawn += not chosen_best
    assert drawn > 5


def test_key_and_rank_name_the_games():
    buffers = {}
    for name in ((1, 0), (1, 0, "again"), (1, 1), (2, 0)):
        buffers[name] = new_buffer()
        self_play(key=name[0], rank=name[1]).play(4, hashed, buffers[name])
    assert same_samples(buffers[1, 0], buffers[1, 0, "again"])
    assert not same_samples(buffers[1, 0], buffers[1, 1])
    assert not same_samples(buffers[1, 0], buffers[2, 0])


def test_threads_do_not_change_the_games():
    buffers = [new_buffer(), new_buffer()]
    for threads, buffer in zip((1, 3), buffers, strict=True):
        self_play(games=7, threads=threads).play(8, hashed, buffer)
    assert same_samples(*buffers)


def _saved(state: dict) -> dict:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_groups_change_only_what_surprises_are_divided_by():
    one, two = new_buffer(), new_buffer()
    options = GameOptions(forked_games=0.5)
    self_play(games=12, options=options).play(30, hashed, one)
    self_play(games=6, options=options, groups=2).play(30, hashed, two)
    assert one.added == two.added
    for name in one.samples._fields:
        ours, theirs = getattr(one.samples, name), getattr(two.samples, name)
        assert np.array_equal(ours, theirs) == (name != "surprises")


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_that_play_do_not_change_the_games(monkeypatch, threads):
    expected, buffer = new_buffer(), new_buffer()
    self_play(games=7).play(8, hashed, expected)
    monkeypatch.setattr("pylos.selfplay.play._GAMES_OF_A_THREAD", 2)
    self_play(games=7, threads=threads).play(8, hashed, buffer)
    assert same_samples(buffer, expected)


class Watched:
    """A search that takes a second by its own clock, and tells how many of its kind are in flight."""

    in_flight: ClassVar[list[Watched]] = []
    most = 0
    seconds = 1.0
    broken = False

    def __init__(self, games: int) -> None:
        self.games = games
        self._search = Search(games, RULES["standard"], SEARCH)

    def start(self, positions, evaluate, keys, history):
        assert self not in self.in_flight
        self.in_flight.append(self)
        Watched.most = max(self.most, len(self.in_flight))
        self._search.start(positions, evaluate, keys, history)

    def finish(self):
        self.in_flight.remove(self)
        if self.broken:
            raise NonFiniteNetworkError
        return self._search.finish()

    run = None


@pytest.fixture
def watched(monkeypatch) -> SelfPlay:
    """Self-play of two groups with such searches."""
    monkeypatch.setattr(Watched, "in_flight", [])
    monkeypatch.setattr(Watched, "most", 0)
    searches: Any = [Watched(3), Watched(4)]
    return SelfPlay(searches, RULES["standard"], SEARCH, GameOptions(), key=1)


def test_all_groups_are_searched_at_the_same_time_and_none_when_play_is_over(watched):
    watched.play(9, hashed, new_buffer())
    assert (Watched.most, Watched.in_flight) == (2, [])


@pytest.mark.parametrize("error", ["interrupt", "network"])
def test_no_search_is_left_behind_by_an_error(watched, monkeypatch, error):
    def stop(games: int, positions: int) -> None:
        assert Watched.in_flight
        if error == "interrupt":
            raise KeyboardInterrupt
        monkeypatch.setattr(Watched, "broken", True)

    with pytest.raises(KeyboardInterrupt if error == "interrupt" else NonFiniteNetworkError):
        watched.play(9, hashed, new_buffer(), stop)
    assert Watched.in_flight == []


def test_games_that_an_interrupt_finds_over_are_ended():
    """As if it had come after the ply."""
    play, buffer = self_play(games=6), new_buffer()
    end_games, calls = play._end_games, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 60:
            raise KeyboardInterrupt
        end_games(*arguments)

    play._end_games = interrupted
    with pytest.raises(KeyboardInterrupt):
        play.play(1000, hashed, buffer)
    play._end_games = end_games
    play.play(3, hashed, buffer)
    expected, its_buffer = self_play(games=6), new_buffer()
    _stop_after(60, expected, its_buffer)
    expected.play(3, hashed, its_buffer)
    assert same_samples(buffer, its_buffer)


def test_a_search_that_an_interrupt_left_at_work_is_found_again():
    play, buffer = self_play(games=6), new_buffer()
    search: Any = play._groups[0].search
    finish, calls = search.finish, []

    def interrupted():
        calls.append(None)
        if len(calls) == 61:
            raise KeyboardInterrupt
        return finish()

    search.finish = interrupted
    with pytest.raises(KeyboardInterrupt):
        play.play(1000, hashed, buffer)
    assert len(calls) == 61
    play.play(3, hashed, buffer)
    expected, its_buffer = self_play(games=6), new_buffer()
    _stop_after(60, expected, its_buffer)
    expected.play(3, hashed, its_buffer)
    assert same_samples(buffer, its_buffer)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("parts", [(3, 4), (1, 0, 6), (0, 5)])
def test_a_resumed_run_goes_on_exactly(parts, groups):
    """The games, those in flight included, are the same whether the run is stopped after each part or not."""

    def make() -> SelfPlay:
        return self_play(options=GameOptions(opening_plies=6), groups=groups)

    straight, buffer = make(), new_buffer()
    for games in parts:
        _play(straight, games, buffer)
    resumed, resumed_buffer = make(), new_buffer()
    for games in parts:
        _play(resumed, games, resumed_buffer)
        states = _saved(resumed.state_dict()), _saved(resumed_buffer.state_dict())
        resumed, resumed_buffer = make(), new_buffer()
        resumed.load_state_dict(states[0])
        resumed_buffer.load_state_dict(states[1])
    assert same_samples(buffer, resumed_buffer)
    first, second = straight.state_dict(), resumed.state_dict()
    assert first["next_number"] == second["next_number"]
    for name in ("number", "opening", "ply"):
        assert torch.equal(first[name], second[name])


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor])
def test_numbers_of_numpy_and_torch_play_the_games_of_plain_ones(kind):
    plain, other = new_buffer(), new_buffer()
    self_play(games=3, key=1, rank=2).play(2, hashed, plain)
    options = GameOptions(max_moves=kind(200), repetition_limit=kind(5))
    search = SearchOptions(simulations=kind(SEARCH.simulations), dirichlet_fraction=np.float64(0.25))
    assert search == SEARCH
    play = self_play(
        games=kind(3), search=search, options=options, key=kind(1), rank=kind(2), threads=kind(1)
    )
    play.play(kind(2), hashed, other)
    assert samples_of(plain) == samples_of(other)
    saved = io.BytesIO()
    torch.save(play.state_dict(), saved)
    saved.seek(0)
    torch.load(saved, weights_only=True)


@pytest.mark.parametrize(
    "bad", [{"games": 0}, {"games": 2.0}, {"rank": -1}, {"threads": 0}, {"games": 10**9}]
)
def test_impossible_numbers_are_refused(bad):
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        self_play(**bad)


def _play(play: SelfPlay, games: int, buffer: ReplayBuffer) -> None:
    """Plays until this many games are finished; 0 stands for seven plies."""
    if games:
        play.play(games, hashed, buffer)
    else:
        _stop_after(7, play, buffer)


def _stop_after(plies: int, play: SelfPlay, buffer: ReplayBuffer) -> None:
    class EnoughError(Exception):
        pass

    heard = []

    def stop(games: int, positions: int) -> None:
        heard.append(positions)
        if len(heard) == plies:
            raise EnoughError

    with pytest.raises(EnoughError):
        play.play(1000, hashed, buffer, stop)


def test_games_that_do_not_fit_are_refused():
    state = self_play(games=5).state_dict()
    for other in (self_play(games=4), self_play(search=SearchOptions(simulations=9))):
        with pytest.raises(ConfigurationError, match="do not fit"):
            other.load_state_dict(state)
    play = self_play(games=5)
    _play(play, 0, new_buffer())
    with pytest.raises(ConfigurationError, match="max_moves"):
        self_play(games=5, options=GameOptions(max_moves=3)).load_state_dict(play.state_dict())
