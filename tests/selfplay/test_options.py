"""The options of self-play: their defaults, and what is refused."""

import pytest

from pylos.errors import ConfigurationError
from pylos.search.options import SearchOptions
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions


def test_self_play_searches_as_any_search_but_with_noise():
    usual = vars(SearchOptions())
    assert (usual["gumbel_scale"], usual["dirichlet_fraction"]) == (0, 0)
    noise = {name: value for name, value in vars(SELFPLAY_SEARCH).items() if value != usual[name]}
    assert noise == {"gumbel_scale": 1, "dirichlet_fraction": 0.25}


@pytest.mark.parametrize(
    "bad",
    [
        {"max_moves": 0},
        {"repetition_limit": 1},
        {"temperature_moves": -1},
        {"opening_plies": -1},
        {"forked_games": 1.5},
        {"move_limit_draw_value": 1.1},
        {"repetition_draw_value": -1.1},
    ],
)
def test_impossible_options_are_refused(bad):
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        GameOptions(**bad)
