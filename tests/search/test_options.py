"""The options of a search: what is refused, and what follows from them."""

import pytest

from pylos.errors import ConfigurationError
from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.search.options import SearchOptions, network_options


def test_impossible_options_are_refused():
    for bad in (
        {"simulations": 0},
        {"simulations": 30_001},
        {"c_puct": 0},
        {"gumbel_scale": -1},
        {"dirichlet_alpha": 0},
        {"dirichlet_fraction": 1.1},
        {"dirichlet_fraction": -0.1},
        {"draw_value": -1.1},
        {"draw_value": 1.1},
    ):
        with pytest.raises(ConfigurationError, match=next(iter(bad))):
            SearchOptions(**bad)
    with pytest.raises(
        ConfigurationError, match=r"root must be puct.* or .*, got 'ucb'; pylos\.register_root"
    ):
        SearchOptions(root="ucb")


@pytest.mark.parametrize(
    ("root", "simulations", "width"),
    [("puct", 5, 5), ("puct", 1000, MAX_LEGAL_ACTIONS), ("gumbel", 5, MAX_LEGAL_ACTIONS)],
)
def test_results_have_room_for_all_actions_that_can_have_a_weight(root, simulations, width):
    assert SearchOptions(simulations=simulations, root=root).width == width


def test_a_network_plays_by_gumbel_without_noise():
    options = network_options(7)
    assert (options.root, options.simulations) == ("gumbel", 7)
    assert options.gumbel_scale == 0
