"""The faster precision is measured once on a machine, and kept."""

import json

import pytest
from torch import nn

from pylos.network import precision
from pylos.network.evaluator import PRECISIONS
from pylos.network.network import PylosNetwork
from pylos.network.precision import fastest_precision
from tests.support.evaluators import small_network


@pytest.fixture
def network() -> PylosNetwork:
    return small_network()


def test_the_fastest_precision_is_measured_once_on_a_machine(network, tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))
    first = fastest_precision(network, "cpu", 16)
    assert first in PRECISIONS
    other = next(name for name in PRECISIONS if name != first)
    monkeypatch.setattr(precision, "_measure_precisions", lambda *_: other)
    assert fastest_precision(network, "cpu", 16) == first
    assert fastest_precision(network, "cpu", 24) == other


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
    monkeypatch.setattr(precision, "_measure_precisions", lambda *_: "bfloat16")
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
    monkeypatch.setattr(precision, "_measure_precisions", lambda *_: "bfloat16")
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
