"""The search that is measured against the truth."""

import numpy as np
import torch

from pylos.players.network_player import NetworkPlayer
from pylos.truth.searcher import Searcher
from tests.support.suites import shipped
from tests.support.training import tiny_module


def test_the_choice_among_equals_depends_on_the_position_alone():
    """A network without an opinion leaves everything to chance."""
    suite, module = shipped(), tiny_module(rules="mini-standard")
    for parameter in module.network.parameters():
        torch.nn.init.zeros_(parameter)
    searcher = Searcher(module.network, module.rules, 2, module.device)
    searched = searcher.choose(suite.positions[:200])
    assert (searcher.choose(suite.positions[100:200]) == searched[100:]).all()
    assert (searched != suite.legal[:200].argmax(1)).mean() > 0.3  # it is not just the first action


def test_search_plays_like_a_player_of_matches():
    suite, module = shipped(), tiny_module(rules="mini-standard")
    positions = suite.positions[:200]
    searched = Searcher(module.network, module.rules, 32, module.device).choose(positions)
    player = NetworkPlayer("agent", module.network, module.rules, 32)
    assert np.mean(searched == player.choose(positions)) > 0.8  # chance decides between equals
    assert suite.legal[np.arange(200), searched].all()
    again = Searcher(module.network, module.rules, 32, module.device).choose(positions[100:])
    assert (again == searched[100:]).all()  # whatever else is searched at the same time
