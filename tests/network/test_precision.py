"""The faster precision is measured once on a machine, and kept."""

import itertools
import json

import pytest
import torch
from torch import nn

from pylos.network import precision
from pylos.network.evaluator import PRECISIONS
from pylos.network.network import PylosNetwork
from pylos.network.precision import autocast, fastest_precision, fastest_training_precision
from tests.support.evaluators import small_network


@pytest.fixture
def network() -> PylosNetwork:
    return small_network()


def test_the_fastest_precision_is_measured_once_on_a_machine(network, tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    first = fastest_precision(network, "cpu", 16)
    assert first in PRECISIONS
    other = next(name for name in PRECISIONS if name != first)
    let_win(monkeypatch, other)
    assert fastest_precision(network, "cpu", 16) == first
    assert fastest_precision(network, "cpu", 24) == other


def let_win(monkeypatch: pytest.MonkeyPatch, faster: str) -> None:
    """Makes a precision the faster one; bfloat16 is measured first."""
    seconds = itertools.cycle([1.0, 2.0] if faster == "bfloat16" else [2.0, 1.0])
    monkeypatch.setattr(precision, "_time", lambda call: next(seconds))


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", "7", "null", '"float32"', "[" * 100_000, "9" * 5000, "{}" + 2_000_000 * " ", "\udcff"),
        *(
            f'{{"KEY": {value}}}'
            for value in ("[]", "{}", "null", "1e999", "9" * 5000, '"int8"', '["float32"]')
        ),
    ],
)
def test_what_was_measured_is_measured_anew_where_something_else_lies(
    network, tmp_path, monkeypatch, content
):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    let_win(monkeypatch, "bfloat16")
    path = tmp_path / "precision.json"
    assert fastest_precision(network, "cpu", 16) == "bfloat16"
    (key,) = json.loads(path.read_text())
    path.write_bytes(content.replace("KEY", key).encode(errors="surrogateescape"))
    assert fastest_precision(network, "cpu", 16) == "bfloat16"
    assert json.loads(path.read_text()) == {key: "bfloat16"}


@pytest.mark.parametrize("place", ["f/home", "x" * 300])
def test_nowhere_to_keep_it_costs_a_measurement(network, tmp_path, monkeypatch, place):
    (tmp_path / "f").write_text("a file")
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path / place))
    let_win(monkeypatch, "bfloat16")
    assert fastest_precision(network, "cpu", 16) == "bfloat16"


@pytest.mark.parametrize(
    ("seconds", "faster"),
    [(0.5, "bfloat16"), (0.85, "bfloat16"), (0.95, "float32"), (1.0, "float32"), (3.0, "float32")],
)
def test_bfloat16_must_be_clearly_faster(tmp_path, monkeypatch, seconds: float, faster: str):
    """Measured by a clock that only an evaluation moves."""
    clock = [0.0]

    class Evaluator:
        def __init__(self, network, code, device, precision) -> None:
            self.seconds = {"float32": 1.0, "bfloat16": seconds}[precision]

        def __call__(self, positions) -> None:
            assert len(positions) == 24
            clock[0] += self.seconds

    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "NetworkEvaluator", Evaluator)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: clock[0])
    assert fastest_precision(nn.Identity(), "cpu", 24) == faster


# Training ----------------------------------------------------------------------------------------------------


class Trained(nn.Module):
    """A network that moves a clock: in float32 by a second, by autocast in bfloat16 by so many."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.clock = seconds, [0.0]
        self.weight = nn.Parameter(torch.ones(3, 184))

    def forward(self, observations):
        assert observations.shape == (24, 184)
        outcomes = observations @ self.weight.T
        self.clock[0] += self.seconds if outcomes.dtype == torch.bfloat16 else 1.0
        return outcomes + torch.rand(24, 3), outcomes

    def __deepcopy__(self, memo):
        copy = Trained(self.seconds)
        copy.clock = self.clock
        return copy


@pytest.mark.parametrize(("seconds", "faster"), [(0.85, "bfloat16"), (0.95, "float32")])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_precision_of_training_must_be_clearly_faster(tmp_path, monkeypatch, seconds, faster, compiled):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    network = Trained(seconds)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: network.clock[0])
    before = torch.get_rng_state()
    asked = torch.compile(network, backend="eager") if compiled else network
    assert fastest_training_precision(asked, 24) == faster
    assert torch.equal(before, torch.get_rng_state())
    assert network.weight.grad is None
    assert network.clock[0] > 0
    assert fastest_training_precision(network, 24) == faster  # known now


def test_training_and_evaluation_are_measured_each_for_itself(network, tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    let_win(monkeypatch, "bfloat16")
    assert fastest_precision(network, "cpu", 16) == "bfloat16"
    let_win(monkeypatch, "float32")
    assert fastest_training_precision(network, 16) == "float32"
    network.activate_by("relu")
    let_win(monkeypatch, "bfloat16")
    assert fastest_training_precision(network, 16) == "bfloat16"  # another network
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    let_win(monkeypatch, "float32")
    assert fastest_training_precision(network, 16) == "float32"  # other threads


def test_only_bfloat16_changes_what_is_computed():
    matrix, cpu = torch.ones(2, 2), torch.device("cpu")
    with autocast("bfloat16", cpu):
        assert (matrix @ matrix).dtype == torch.bfloat16
        with autocast("float32", cpu):
            assert (matrix @ matrix).dtype == torch.bfloat16
    with autocast("float32", cpu):
        assert (matrix @ matrix).dtype == torch.float32
