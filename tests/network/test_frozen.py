"""A frozen network says what the network does, and whoever asks gets no warning of torch's."""

from __future__ import annotations

import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.network.frozen import frozen, load_frozen
from pylos.network.frozen_network import FrozenNetwork
from pylos.network.network import SQUARE, PylosNetwork, ValueNetwork
from pylos.network.patterns import PATTERNS
from pylos.players.network_player import NetworkPlayer
from tests.support.evaluators import small_network

CPU = torch.device("cpu")
SIZES = {
    "symmetric": (64, 2, SQUARE, PATTERNS),
    "plain": (40, 3, None, ()),
    "without patterns": (64, 2, SQUARE, ()),
    "shallow": (16, 1, SQUARE, PATTERNS),
    "patterns alone": (40, 1, None, [[0, 3], [183]]),
}


def network_of(kind: str, activation: str = "relu2") -> PylosNetwork:
    torch.manual_seed(3)
    sizes = SIZES[kind]
    network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS, *sizes[:3], activation, sizes[3])
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.mark.parametrize("kind", SIZES)
def test_it_is_a_copy_and_making_it_draws_no_random_numbers(kind: str):
    network = network_of(kind)
    before = torch.random.get_rng_state()
    copy = frozen(network, CPU, torch.float32)
    assert torch.equal(before, torch.random.get_rng_state())
    observations = torch.randn(8, OBSERVATION_SIZE)
    expected = copy(observations)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    assert all(torch.equal(a, b) for a, b in zip(expected, copy(observations), strict=True))
    assert not any(answer.requires_grad for answer in copy(observations))


def test_only_what_computes_as_ours_does_is_taken_apart():
    class Subclass(PylosNetwork):
        pass

    assert isinstance(frozen(small_network(), CPU, torch.float32), FrozenNetwork)
    other = Subclass((OBSERVATION_SIZE,), NUM_ACTIONS, 16, 1)
    kept = frozen(other.train(), CPU, torch.float32)
    assert isinstance(kept, ValueNetwork)
    assert isinstance(kept.network, Subclass)
    assert not kept.network.training
    assert other.training
    compiled = torch.compile(small_network(), backend="eager")
    assert isinstance(frozen(compiled, CPU, torch.float32), FrozenNetwork)


def test_nothing_of_torchscript_is_needed(monkeypatch, recwarn):
    """torch.jit warns that it will be gone."""
    for name in ("trace", "script", "freeze"):
        monkeypatch.delattr(torch.jit, name)
    player = NetworkPlayer("small", small_network(), "standard", 4)
    assert player.choose([Board()])[0] < 16
    assert not [warning for warning in recwarn if "torch" in str(warning.message)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", SIZES)
def test_new_weights_take_the_place_of_the_old_ones_in_the_same_memory(kind: str, dtype, compiled: bool):
    copy = frozen(network_of(kind), CPU, dtype)
    memory = [tensor.data_ptr() for tensor in copy.tensors()]
    trained = network_of(kind)
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    with torch.inference_mode():
        load_frozen(copy, torch.compile(trained, backend="eager") if compiled else trained)
    assert memory == [tensor.data_ptr() for tensor in copy.tensors()]
    observations = torch.randn(8, OBSERVATION_SIZE).to(dtype)
    expected = frozen(trained, CPU, dtype)(observations)
    assert all(torch.equal(a, b) for a, b in zip(expected, copy(observations), strict=True))


class _Shifted(torch.nn.Module):
    """A network of a user, with a parameter, and buffers of which one is not saved."""

    def __init__(self, number: float, width: int = 16) -> None:
        super().__init__()
        self.network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS, width, 1)
        self.register_buffer("shift", torch.tensor([number]), persistent=False)
        self.register_buffer("scale", torch.tensor([number + 1]))

    def forward(self, observations):
        outcomes, log_policy = self.network(observations)
        return torch.cat([outcomes[:, :1] + self.shift, outcomes[:, 1:] * self.scale], 1), log_policy


def test_new_weights_of_a_users_network_are_its_parameters_and_buffers():
    copy, trained = frozen(_Shifted(1.0), CPU, torch.float32), _Shifted(2.0)
    load_frozen(copy, trained)
    observations = torch.randn(8, OBSERVATION_SIZE)
    expected = frozen(trained, CPU, torch.float32)(observations)
    assert all(torch.equal(a, b) for a, b in zip(expected, copy(observations), strict=True))


def test_weights_with_patterns_do_not_fit_without_and_the_other_way_round():
    for one, other in (("symmetric", "without patterns"), ("without patterns", "symmetric")):
        with pytest.raises(ConfigurationError, match="the same sizes"):
            load_frozen(frozen(network_of(one), CPU, torch.float32), network_of(other))


@pytest.mark.parametrize("made", [lambda: network_of("plain"), lambda: _Shifted(1.0)])
@pytest.mark.parametrize(
    "other",
    [
        lambda: network_of("shallow"),
        lambda: network_of("plain", "relu"),
        lambda: _Shifted(1.0, width=8),
    ],
)
def test_weights_of_another_network_are_refused(made, other):
    with pytest.raises(ConfigurationError, match="the same sizes"):
        load_frozen(frozen(made(), CPU, torch.float32), other())
