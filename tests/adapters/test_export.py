"""Exported networks: what is written can be read by the other program, says where it is from, and computes the same."""

from __future__ import annotations

import importlib.util
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import pylos
from pylos.adapters import export
from pylos.adapters.export import FORMATS, METADATA_FILE, export_network
from pylos.errors import CheckpointError, ConfigurationError, ExportError, NonFiniteNetworkError, PlayerError
from pylos.network.checkpoints import load_network
from pylos.network.network import ACTIVATIONS, ValueNetwork, pylos_network
from pylos.network.onnx_network import OnnxNetwork
from pylos.players.naming import ONNX, reference_file
from tests.support.evaluators import let_overflow, small_network
from tests.support.networks import perturbed
from tests.support.players import drawn_network, save_player


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_player(tmp_path_factory.mktemp("checkpoint") / "a.ckpt", "mature")


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> dict[str, Path]:
    """The same network in every format."""
    paths = {name: checkpoint.with_suffix(kind.suffix) for name, kind in FORMATS.items()}
    for path in paths.values():
        export_network(checkpoint, path)
    return paths


def metadata_of(path: Path) -> dict[str, str]:
    if path.suffix == ".onnx":
        texts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert len(texts.pop("pylos_checksum")) == 32
        return texts
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as file:
            return file.metadata()
    files = {METADATA_FILE: ""}
    torch.export.load(path, extra_files=files)
    return json.loads(files[METADATA_FILE])


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_says_where_it_is_from(name: str, exported, checkpoint):
    assert metadata_of(exported[name]) == {
        "pylos_format": "1",
        "pylos_layout": "1",
        "pylos_rules": "mature",
        "pylos_width": "32",
        "pylos_blocks": "1",
        "pylos_activation": "relu2",
        "pylos_weights_digest": load_network(checkpoint).weights_digest,
        "pylos_version": pylos.__version__,
    }
    assert b"site-packages" not in exported[name].read_bytes()  # nor any other path of this machine
    assert str(Path(pylos.__file__).parent).encode() not in exported[name].read_bytes()


def computed(path: Path, observations: torch.Tensor) -> list[np.ndarray]:
    """What the other program makes of a file."""
    if path.suffix == ".onnx":
        return list(OnnxNetwork(path)(observations.numpy()))
    if path.suffix == ".pt2":
        network = torch.export.load(path).module()
    else:
        weights = pylos_network(32, 1)
        weights.load_state_dict(load_file(path))
        network = ValueNetwork(weights)
    with torch.no_grad():
        return [part.numpy() for part in network(observations)]


@pytest.mark.parametrize("size", [1, 3, 200])
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_computes_what_the_checkpoint_does_in_batches_of_any_size(name: str, size: int, exported):
    observations = torch.randn(size, 184, generator=torch.Generator().manual_seed(size))
    with torch.no_grad():
        expected = ValueNetwork(drawn_network())(observations)
    for found, wanted in zip(computed(exported[name], observations), expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_weights_alone_say_what_network_they_are_for(activation: str, tmp_path: Path):
    torch.manual_seed(0)
    network = perturbed(pylos_network(16, 1, activation))
    export_network(network, tmp_path / "a.safetensors", rules="standard")
    facts = metadata_of(tmp_path / "a.safetensors")
    again = pylos_network(
        *(int(facts[f"pylos_{size}"]) for size in ("width", "blocks")), facts["pylos_activation"]
    )
    again.load_state_dict(load_file(tmp_path / "a.safetensors"))
    observations = torch.randn(9, 184)
    assert all(torch.equal(a, b) for a, b in zip(network(observations), again(observations), strict=True))


def test_a_network_that_cannot_be_read_back_is_refused(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("pylos.network.onnx_file.MOST_BYTES", 1000)
    message = refused(ExportError, tmp_path, checkpoint, tmp_path / "a.onnx")
    assert "it is larger than" in message
    assert ".part" not in message


def test_an_onnx_file_is_small_and_of_onnx_alone(exported):
    model = onnx.load(exported["onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert not model.functions


def test_each_weight_is_in_an_onnx_file_once_as_in_the_checkpoint():
    small, large = (reference_file("standard", suffix).stat().st_size for suffix in (".ckpt", ONNX))
    assert large < 1.3 * small  # whole matrices would take eight times as much


def test_the_same_network_makes_the_same_file_in_silence_and_the_differences_are_reported(
    exported, checkpoint, tmp_path, capfd, recwarn, caplog
):
    warnings.simplefilter("always")
    out = tmp_path / "a.onnx"
    check = export_network(checkpoint, out)
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert out.read_bytes() == exported["onnx"].read_bytes()
    assert (check.path, check.rules, check.positions) == (str(out), "mature", 1000)
    assert check.size == out.stat().st_size
    assert 0 < check.policy_difference < 1e-4
    assert f"{check.size:,} bytes" in str(check)
    assert f"{check.policy_difference:.1e} in log policies" in str(check)


def test_the_file_that_ships_is_the_checkpoint_that_ships():
    for rules in ("standard", "mature"):
        found = OnnxNetwork(str(reference_file(rules, ONNX)))
        loaded = load_network(str(reference_file(rules)))
        assert (found.rules, found.weights_digest) == (loaded.rules, loaded.weights_digest)
        observations = export._random_observations(rules)
        with torch.no_grad():
            expected = ValueNetwork(loaded.network)(torch.from_numpy(observations))
        for one, other in zip(found(observations), expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), atol=1e-4)


class _Own(torch.nn.Module):
    """A network of a user: convolutions over the list of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.convolve = torch.nn.Conv1d(1, 4, 5)
        self.heads = torch.nn.LazyLinear(306)
        self.eval()(torch.zeros(2, 184))
        self.train()

    def forward(self, observations):
        x = self.heads(torch.relu(self.convolve(observations[:, None])).flatten(1))
        return x[:, :3], torch.log_softmax(x[:, 3:], -1)


@pytest.mark.parametrize("name", FORMATS)
def test_a_network_of_ones_own_is_exported_too(name: str, tmp_path: Path):
    network = _Own()
    path = tmp_path / f"own{FORMATS[name].suffix}"
    export_network(network, path, rules="children")
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert {"pylos_width", "pylos_blocks", "pylos_activation"} & set(metadata_of(path)) == set()
    assert metadata_of(path)["pylos_rules"] == "children"


# What is refused ---------------------------------------------------------------------------------------------


def refused(error: type[Exception], folder: Path, *arguments: Any, **options: Any) -> str:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(error) as caught:
        export_network(*arguments, **options)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_input_is_named_before_anything_is_written(checkpoint, tmp_path):
    out = tmp_path / "a.onnx"
    assert "there is no format 'tflite', only onnx, safetensors, torch_export" in refused(
        ConfigurationError, tmp_path, checkpoint, out, "tflite"
    )
    assert "a.bin says no format: name one with --format: onnx, safetensors, torch_export" in refused(
        ConfigurationError, tmp_path, checkpoint, tmp_path / "a.bin"
    )
    assert "is a folder" in refused(ConfigurationError, tmp_path, checkpoint, tmp_path, "onnx")
    assert "none.ckpt" in refused(CheckpointError, tmp_path, tmp_path / "none.ckpt", out)
    assert "trained for 'mature' rules" in refused(PlayerError, tmp_path, checkpoint, out, rules="standard")
    assert "no reference agent ships" in refused(
        PlayerError, tmp_path, "reference", out, rules="mini-standard"
    )
    assert "name the rules" in refused(ConfigurationError, tmp_path, drawn_network(), out)
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(checkpoint.read_bytes()[:-100])
    assert "damaged" in refused(CheckpointError, tmp_path, damaged, out)


def test_a_file_is_replaced_only_if_that_is_wished(checkpoint, tmp_path):
    out = tmp_path / "a.safetensors"
    out.write_text("precious")
    assert "is there already: --overwrite" in refused(ConfigurationError, tmp_path, checkpoint, out)
    export_network(checkpoint, out, overwrite=True)
    assert len(load_file(out)) > 10
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(("name", "package"), [("onnx", "onnxscript"), ("safetensors", "safetensors")])
def test_a_missing_package_is_named_with_what_installs_it(name, package, checkpoint, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == package else find(wanted)
    )
    message = refused(ConfigurationError, tmp_path, checkpoint, tmp_path / "a", name)
    assert f"needs the package {package}: pip install 'pylos[export]'" in message


def test_a_full_disk_leaves_nothing(checkpoint, tmp_path, monkeypatch):
    full = lambda *_: Path("/dev/full").open("wb", buffering=0).write(b"x")  # noqa: E731, SIM115
    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(write=full))
    assert "No space left" in refused(OSError, tmp_path, checkpoint, tmp_path / "a.onnx")


def test_a_folder_that_is_a_file_is_named(checkpoint, tmp_path):
    (tmp_path / "file").touch()
    assert "file" in refused(OSError, tmp_path, checkpoint, tmp_path / "file" / "a.onnx")


@pytest.mark.parametrize("error", [0.001, float("nan")])
@pytest.mark.parametrize("output", [0, 1])
def test_what_differs_from_torch_is_not_kept(error, output, checkpoint, tmp_path, monkeypatch):
    def read_wrongly(path, network):
        judge = export._read_safetensors(path, network)
        return lambda observations: tuple(
            part + error * (number == output) for number, part in enumerate(judge(observations))
        )

    monkeypatch.setitem(FORMATS, "safetensors", FORMATS["safetensors"]._replace(read=read_wrongly))
    message = refused(ExportError, tmp_path, checkpoint, tmp_path / "a.safetensors")
    assert "differs from torch" in message
    assert f"{error:.1e}" in message


class _Branching(torch.nn.Module):
    """What it computes depends on its input, which no exporter can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.network = drawn_network()

    def forward(self, observations):
        outcomes, log_policy = self.network(observations)
        return (outcomes if bool(outcomes.sum() > 0) else -outcomes), log_policy


def test_a_network_that_cannot_be_exported_is_refused_in_a_line(tmp_path: Path, capfd):
    message = refused(ExportError, tmp_path, _Branching(), tmp_path / "a.onnx", rules="standard")
    assert message.startswith("this network cannot be written as")
    assert len(message) < 500
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", FORMATS)
def test_a_network_that_says_values_in_place_of_outcomes_is_refused_in_a_line(name: str, tmp_path: Path):
    values = ValueNetwork(drawn_network())
    message = refused(ConfigurationError, tmp_path, values, tmp_path / "a", name, rules="standard")
    assert "logits of win, draw and loss first, of the shape [1, 3], not [1, 1]" in message


def test_networks_that_are_not_finite_are_refused(tmp_path):
    broken = small_network()
    with torch.no_grad():
        broken.norm.weight[0] = float("nan")
    refused(NonFiniteNetworkError, tmp_path, broken, tmp_path / "a.safetensors", rules="standard")
    overflowing = let_overflow(small_network())
    message = refused(ExportError, tmp_path, overflowing, tmp_path / "b.safetensors", rules="standard")
    assert "differs from torch" in message
