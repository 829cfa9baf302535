"""Networks in the formats of other programs: ONNX, safetensors, and the format of `torch.export`.

What was written is read back and compared with torch before the file gets its name.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from pylos.errors import ConfigurationError, ExportError
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.playouts import random_action
from pylos.game.position import START
from pylos.game.rules import is_over, rules_code, step
from pylos.kernels.randomness import derive_key, draw
from pylos.network.compiled import uncompiled
from pylos.network.metadata import Metadata
from pylos.network.network import PylosNetwork, ValueNetwork
from pylos.network.onnx_file import sealed
from pylos.network.onnx_network import LOG_POLICY, OBSERVATIONS, VALUES, OnnxNetwork
from pylos.network.weights import check_finite, weights_digest
from pylos.players.naming import load_trained
from pylos.system.files import StrPath, replacing
from pylos.system.options import shown

POSITIONS = 1000
"""Random positions on which a file is compared with torch."""
TOLERANCE = 1e-4
"""The largest difference that is rounding: of a value, and of a log policy, relative to its size where that exceeds 1.
"""
_BATCHES = 1, 7, POSITIONS - 8
"""The sizes of the batches of the comparison: a file must take any."""
_OPSET = 18
"""The oldest that torch writes without conversion, for old runtimes."""
_LARGEST_FOLDED = 4096
"""Numbers of the largest constant that is computed when a file is written. Matrices are computed from their shared
weights when a file is read: whole ones would make it six times as large."""
_KEY = derive_key("positions for exports")


class ExportCheck(NamedTuple):
    """The result of an export: what was compared, and how large it is."""

    path: str
    """The file."""
    size: int
    """Its bytes."""
    rules: str
    """The rule set of the network."""
    positions: int
    """How many positions were compared."""
    value_difference: float
    """The largest difference between a value of the file and one of torch."""
    policy_difference: float
    """The largest difference between two log policies."""

    def __str__(self) -> str:
        """Two lines for people."""
        return (
            f"{self.path}: a network for {self.rules} rules, {self.size:,} bytes\n"
            f"compared with torch on {self.positions:,} random positions: the largest differences are "
            f"{self.value_difference:.1e} in values and {self.policy_difference:.1e} in log policies"
        )


def export_network(
    source: StrPath | nn.Module,
    path: StrPath,
    format: str | None = None,
    rules: str | None = None,
    overwrite: bool = False,
) -> ExportCheck:
    """Writes a network in the format of another program, reads it back, and compares it with torch.

    ================  =================================================================================
    `onnx`            for onnxruntime and many others; `make_player("PATH.onnx:64")` plays it, without torch
    `safetensors`     the weights alone, for a `PylosNetwork`
    `torch_export`    weights and computation, for `torch.export.load`
    ================  =================================================================================

    All take batches of any size, and have the metadata of docs/export.md.

    Args:
        source: a checkpoint, "reference" for the agent that ships, or a network that maps observations [B, 184] to
            the logits of win, draw and loss [B, 3], and log policies [B, 303].
        path: the file to write. It appears whole or not at all.
        format: by default the one that the suffix of `path` says: .onnx, .safetensors or .pt2.
        rules: name of the rule set; by default that of the checkpoint, and "standard" for "reference".
        overwrite: whether a file that is there already is replaced.

    Returns:
        What was compared, and how large the differences are.

    Raises:
        ConfigurationError: there is no such format, a package for it is missing, the file is there already, the rules
            of a network are not named, or it gives something else than outcomes.
        CheckpointError: the checkpoint is missing, damaged, not ours, or was trained for other rules.
        PlayerError: no agent ships for these rules.
        NonFiniteNetworkError: a weight is infinite or not a number.
        ExportError: the format cannot hold this network, or what was read back differs from it.
        OSError: the file cannot be written.
    """
    kind = FORMATS[_format_name(path, format)]
    path = os.fspath(path)
    if os.path.isdir(path):
        raise ConfigurationError(f"{path} is a folder: name the file to write")
    if os.path.lexists(path) and not overwrite:
        raise ConfigurationError(f"{path} is there already: --overwrite (overwrite=True) replaces it")
    network, metadata = _load(source, rules)
    in_torch = _in_torch(ValueNetwork(network))
    with replacing(path) as file:
        try:
            with _quiet():
                in_torch(
                    np.zeros((1, OBSERVATION_SIZE), np.float32)
                )  # raises an error if it gives no outcomes
                file.write(kind.write(network, metadata))
                file.flush()
                judge, size = kind.read(file.name, network), os.path.getsize(file.name)
                check = _compare(in_torch, judge, metadata.rules, path, size)
        except (OSError, ExportError, ConfigurationError):
            raise
        except Exception as error:  # the exporters of torch may raise anything
            reason = _first_line(error).replace(file.name, "it")
            raise ExportError(f"this network cannot be written as {path}: {reason}") from error
    return check


def _load(source: StrPath | nn.Module, rules: str | None) -> tuple[nn.Module, Metadata]:
    """A copy of a network for the exporters, and what its file will say about it."""
    if isinstance(source, nn.Module):
        if rules is None:
            raise ConfigurationError("name the rules for which the network was trained")
        rules_code(rules)
        network = copy.deepcopy(uncompiled(source)).to("cpu", torch.float32)
        digest = weights_digest(network.state_dict())
    else:
        network, rules, digest = load_trained(source, rules)
    check_finite(network.state_dict(), "the network")
    facts = Metadata(rules, digest)
    if type(network) is PylosNetwork:  # a subclass may compute something else
        width, blocks = len(network.norm.dense()[0]), len(network.blocks)
        facts = facts._replace(width=width, blocks=blocks, activation=network.activation)
    return network.eval().requires_grad_(False), facts


def _format_name(path: StrPath, name: str | None) -> str:
    """The name of a format, whose packages are there."""
    if name is None:
        suffix = os.path.splitext(path)[1]
        name = next((name for name, kind in FORMATS.items() if kind.suffix == suffix), None)
        if name is None:
            raise ConfigurationError(
                f"{os.fspath(path)} says no format: name one with --format: {', '.join(FORMATS)}"
            )
    if name not in FORMATS:
        raise ConfigurationError(f"there is no format {shown(name)}, only {', '.join(FORMATS)}")
    for package in FORMATS[name].packages:
        if importlib.util.find_spec(package) is None:
            raise ConfigurationError(
                f"the format {name} needs the package {package}: pip install 'pylos[export]'"
            )
    return name


def _compare(in_torch: Judge, judge: Judge, rules: str, path: str, size: int) -> ExportCheck:
    """Compares what was read back with the network, in batches of several sizes."""
    batches = np.split(_random_observations(rules), np.cumsum(_BATCHES)[:-1])
    found, wanted = ([judge(batch) for batch in batches] for judge in (judge, in_torch))
    values, log_policy = (np.concatenate(parts) for parts in zip(*found, strict=True))
    wanted_values, wanted_policy = (np.concatenate(parts) for parts in zip(*wanted, strict=True))
    differences = np.abs(log_policy - wanted_policy)
    check = ExportCheck(
        path,
        size,
        rules,
        len(values),
        float(np.abs(values - wanted_values).max()),
        float(differences.max()),
    )
    relative = float((differences / np.maximum(np.abs(wanted_policy), 1)).max())
    if not (check.value_difference <= TOLERANCE and relative <= TOLERANCE):  # NaN is not, either
        raise ExportError(
            f"what was read back differs from torch, so nothing is kept: {str(check).splitlines()[1]}"
        )
    return check


def _random_observations(rules: str) -> np.ndarray:
    """Observations, float32 [POSITIONS, 184], of positions of random games."""
    code, positions = rules_code(rules), [START]
    while len(positions) < POSITIONS:
        after = step(positions[-1], random_action(positions[-1], code, draw(_KEY, len(positions))), code)
        positions.append(START if is_over(after, code) else after)
    observations = np.empty((POSITIONS, OBSERVATION_SIZE), np.float32)
    observe_all(np.array(positions), code, observations)
    return observations


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what exporters print about their progress, packages that are not needed, and torch's own code."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


# The formats -------------------------------------------------------------------------------------------------

Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Maps observations [B, 184] to values [B, 1] and log policies [B, 303]."""


class _Format(NamedTuple):
    suffix: str
    packages: tuple[str, ...]
    """What it needs besides the dependencies of this package."""
    write: Callable[[nn.Module, Metadata], bytes]
    read: Callable[[str, nn.Module], Judge]
    """Makes from a file what judges positions; the network is the one that was written."""


def _example() -> dict[str, Any]:
    """The arguments by which torch traces a network: any number of positions."""
    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    return {"args": (torch.zeros(8, OBSERVATION_SIZE),), "dynamic_shapes": ({0: batch},)}


def _write_onnx(network: nn.Module, metadata: Metadata) -> bytes:
    import onnx_ir
    import onnxscript.optimizer
    from onnx_ir.passes import common

    program = torch.onnx.export(
        ValueNetwork(network),
        **_example(),
        input_names=[OBSERVATIONS],
        output_names=[VALUES, LOG_POLICY],
        opset_version=_OPSET,
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    assert program is not None  # it is for dynamo
    model = program.model
    onnxscript.optimizer.optimize(model, output_size_limit=_LARGEST_FOLDED)
    common.DeduplicateInitializersPass(size_limit=1 << 20)(model)
    common.ClearMetadataAndDocStringPass()(model)  # paths of this machine among it
    model.metadata_props.update(metadata.to_texts())
    return sealed(onnx_ir.to_proto(model).SerializeToString())


def _read_onnx(path: str, network: nn.Module) -> Judge:
    return OnnxNetwork(path)


def _write_safetensors(network: nn.Module, metadata: Metadata) -> bytes:
    from safetensors.torch import save

    return save(
        {name: weight.contiguous() for name, weight in network.state_dict().items()}, metadata.to_texts()
    )


def _read_safetensors(path: str, network: nn.Module) -> Judge:
    from safetensors.torch import load_file

    judge = copy.deepcopy(network)
    for parameter in judge.parameters():
        parameter.zero_()
    judge.load_state_dict(load_file(path))
    return _in_torch(ValueNetwork(judge))


def _write_torch_export(network: nn.Module, metadata: Metadata) -> bytes:
    buffer = io.BytesIO()
    program = torch.export.export(ValueNetwork(network), **_example())
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it has paths of this machine
    torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(metadata.to_texts())})
    return buffer.getvalue()


def _read_torch_export(path: str, network: nn.Module) -> Judge:
    with open(path, "rb") as file:
        return _in_torch(torch.export.load(file).module())


def _in_torch(network: nn.Module) -> Judge:
    def judge(observations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            values, log_policy = network(torch.from_numpy(observations))
        return values.numpy(), log_policy.numpy()

    return judge


METADATA_FILE = "pylos.json"
"""The file in an archive of `torch.export` that has the metadata."""
FORMATS = {
    "onnx": _Format(".onnx", ("onnx", "onnxscript"), _write_onnx, _read_onnx),
    "safetensors": _Format(".safetensors", ("safetensors",), _write_safetensors, _read_safetensors),
    "torch_export": _Format(".pt2", (), _write_torch_export, _read_torch_export),
}
"""The formats by name."""
