"""A network that is compiled saves and loads its weights by the names that they have without."""

import pytest
import torch
from torch import nn

from pylos.network.compiled import keep_plain_names, plain_name, uncompiled
from tests.support.evaluators import small_network


class Owner(nn.Module):
    """A module that has a network, as `PylosModule` does."""

    def __init__(self, compiled: bool) -> None:
        super().__init__()
        network = small_network()
        self.network = torch.compile(network, backend="eager") if compiled else network
        keep_plain_names(self)


def test_the_original_is_found_again():
    network = small_network()
    assert uncompiled(network) is network
    assert uncompiled(torch.compile(network, backend="eager")) is network


def test_a_plain_name_is_that_of_the_original():
    assert (
        plain_name("network._orig_mod.stem.weight")
        == plain_name("network.stem.weight")
        == "network.stem.weight"
    )


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("loaded", [True, False])
def test_weights_go_from_one_to_the_other(saved: bool, loaded: bool):
    state = Owner(saved).state_dict()
    assert not [name for name in state if "_orig_mod" in name]
    other = Owner(loaded)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    other.load_state_dict(state)
    assert all(
        torch.equal(a, b) for a, b in zip(other.parameters(), small_network().parameters(), strict=True)
    )


def test_weights_that_were_saved_by_other_means_are_loaded():
    """Without the hooks a compiled network's weights have the long names."""
    compiled = torch.compile(small_network(), backend="eager")
    state = {f"network.{name}": weight for name, weight in compiled.state_dict().items()}
    assert all("_orig_mod" in name for name in state)
    for into in (True, False):
        Owner(into).load_state_dict(state)
