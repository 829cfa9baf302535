"""Which searches self-play has, and which numbers they refuse."""

import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.search.search import Search
from pylos.selfplay.searches import make_searches
from tests.support.selfplay import SEARCH

CPU = torch.device("cpu")


def test_a_processor_has_one_search_for_all_games():
    (search,) = make_searches(5, 0, SEARCH, 2, CPU)
    assert isinstance(search, Search)
    assert (search.games, search.options) == (5, SEARCH)


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
