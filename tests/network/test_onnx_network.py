"""Networks that onnxruntime computes, without torch."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from pylos.errors import CheckpointError, NonFiniteNetworkError
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.onnx_network import OnnxEvaluator, OnnxNetwork
from pylos.players.naming import ONNX, load_trained, reference_file
from tests.support.evaluators import random_positions
from tests.support.onnx_models import linear_model, write

STANDARD = RULES["standard"]


@pytest.fixture(scope="module")
def reference() -> OnnxNetwork:
    return OnnxNetwork(str(reference_file("standard", ONNX)))


@pytest.fixture(scope="module")
def evaluate(reference: OnnxNetwork) -> OnnxEvaluator:
    return OnnxEvaluator(reference, STANDARD, "it")


def test_it_says_what_torch_says(evaluate):
    positions, trained = random_positions(200), load_trained("reference", "standard")
    expected = NetworkEvaluator(trained.network, STANDARD, "cpu", "float32")(positions)
    for found, wanted in zip(evaluate(positions), expected, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_position_gets_the_same_bits_in_any_company_and_from_any_thread(evaluate):
    positions = random_positions(256)
    values, log_policy = evaluate(positions)

    def agrees(rows: np.ndarray) -> bool:
        found_values, found_policy = evaluate(positions[rows])
        return np.array_equal(found_values, values[rows]) and np.array_equal(found_policy, log_policy[rows])

    parts = [np.arange(size) for size in (8, 16, 24, 56, 64, 128, 200)]
    parts += [np.random.default_rng(seed).permutation(256)[: 8 + 8 * seed] for seed in range(24)]
    with ThreadPoolExecutor(4) as executor:
        assert all(executor.map(agrees, parts))


def test_it_knows_where_it_is_from(reference, tmp_path: Path):
    trained = load_trained("reference", "standard")
    assert (reference.rules, reference.weights_digest) == ("standard", trained.weights_digest)
    own = [OnnxNetwork(write(linear_model(weight=w), tmp_path / "a.onnx")).weights_digest for w in (0.1, 0.2)]
    assert len({len(digest) for digest in own}) == 1
    assert len(set(own)) == 2


UNFIT = {
    "it takes": [{"inputs": 183}, {"names": ("x", "values", "log_policy")}],
    "it gives": [
        {"names": ("observations", "value", "log_policy")},
        {"names": ("observations", "values", "policy")},
    ],
    "its answers have the shapes [(8, 1), (8, 302)]": [{"actions": NUM_ACTIONS - 1}],
    "tensor(double)": [{"kind": onnx.TensorProto.DOUBLE}],
}


@pytest.mark.parametrize(
    ("reason", "options"), [(reason, one) for reason, all_ in UNFIT.items() for one in all_]
)
def test_files_that_hold_something_else_are_refused_in_one_line(tmp_path: Path, reason: str, options: dict):
    assert reason in refusal(write(linear_model(**options), tmp_path / "a.onnx"))


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        OnnxNetwork(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_onnxruntime_cannot_read_is_refused(tmp_path: Path, capfd):
    model = linear_model()
    model.graph.node[0].op_type = "Nonsense"
    assert "onnxruntime cannot use" in refusal(write(model, tmp_path / "a.onnx"))
    model = linear_model()
    model.opset_import[0].version = 999
    assert "onnxruntime cannot use" in refusal(write(model, tmp_path / "a.onnx"))
    model = linear_model()
    model.graph.initializer[0].raw_data = b"\0" * 12
    assert "onnxruntime cannot use" in refusal(write(model, tmp_path / "a.onnx"))
    (tmp_path / "a.onnx").write_bytes(b"")
    assert "is no network for Pylos" in refusal(tmp_path / "a.onnx")
    assert capfd.readouterr() == ("", "")


def test_answers_that_are_not_finite_are_refused_with_the_name_of_the_network(tmp_path: Path):
    network = OnnxNetwork(write(linear_model(weight=float("nan")), tmp_path / "a.onnx"))
    with pytest.raises(NonFiniteNetworkError, match="mine gives values or policies that are not finite"):
        OnnxEvaluator(network, STANDARD, "mine")(random_positions(8))


def test_it_needs_no_torch():
    code = (
        "import sys; from pylos.network.onnx_network import OnnxNetwork; "
        f"OnnxNetwork({str(reference_file('standard', ONNX))!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "onnxruntime" in modules
    assert not {"torch", "onnx", "onnxscript", "lightning"} & modules
