"""Which searches self-play has, and which numbers they refuse."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.rules import RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.search.options import SearchOptions
from pylos.search.search import Search
from pylos.selfplay.options import GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.searches import make_searches
from tests.support.evaluators import small_network
from tests.support.selfplay import SEARCH, new_buffer, same_samples

CPU = torch.device("cpu")


def test_a_processor_has_one_search_for_all_games():
    (search,) = make_searches(5, 0, SEARCH, 2, CPU)
    assert isinstance(search, Search)
    assert (search.games, search.options) == (5, SEARCH)


@pytest.fixture
def rooms(monkeypatch) -> list[int]:
    """The searches of a device: how many games each has room for."""
    made: list[int] = []

    def search(games, code, options, device, plies):
        made.append(games)
        return games

    device_search = SimpleNamespace(DeviceSearch=search)
    monkeypatch.setitem(sys.modules, "pylos.search.cuda.device_search", device_search)
    monkeypatch.setattr("pylos.selfplay.searches.device_search_missing", lambda device, options: None)
    return made


@pytest.mark.parametrize(("games", "halves"), [(8, [4, 4]), (7, [4, 3]), (1, [1])])
def test_a_device_has_a_search_for_either_half_of_the_games(rooms, games, halves):
    assert make_searches(games, 0, SEARCH, 2, torch.device("cuda")) == halves


@pytest.mark.parametrize(
    ("games", "threads", "name"),
    [(0, 1, "parallel_games"), (2.0, 1, "parallel_games"), (5, 0, "threads"), (5, 5000, "threads")],
)
def test_impossible_numbers_are_refused(games, threads, name):
    with pytest.raises(ConfigurationError, match=name):
        make_searches(games, 0, SEARCH, threads, CPU)


def test_more_trees_than_memory_holds_are_refused():
    with pytest.raises(
        ConfigurationError, match=r"search trees of .* GB.*lower parallel_games \(1,000,000,000\)"
    ):
        make_searches(10**9, 0, SEARCH, 1, CPU)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_games_go_on_exactly_where_the_network_is(device):
    code, options = RULES["standard"], SearchOptions(simulations=16, root="gumbel", gumbel_scale=1.0)
    evaluate = NetworkEvaluator(small_network(), code, device, "float32")

    def stream() -> SelfPlay:
        searches = make_searches(32, code, options, 1, torch.device(device))
        return SelfPlay(searches, code, options, GameOptions(max_moves=12), key=3)

    straight, stopped, resumed = stream(), stream(), stream()
    whole, parts = new_buffer(options), new_buffer(options)
    for _ in range(2):
        straight.play(40, evaluate, whole)
    stopped.play(40, evaluate, parts)
    resumed.load_state_dict(stopped.state_dict())
    resumed.play(40, evaluate, parts)
    assert same_samples(whole, parts)
