"""The format of a checkpoint: what may stand in it, and how older versions are read.

All of it is checked when the file is read, whoever wrote it. What must also fit a certain trainer or optimizer is
checked in `pylos.runs.resuming`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor

from pylos.errors import CheckpointError
from pylos.game.observation import OBSERVATION_SIZE
from pylos.network.compiled import plain_name
from pylos.network.evaluator import PRECISIONS
from pylos.network.network import SQUARE
from pylos.network.patterns import NUM_PATTERNS
from pylos.system.files import StrPath
from pylos.system.options import Range, shown
from pylos.system.schema import Choice, Each, Row, check_state

VERSION = 3
"""It grows with every change that an older program would misread.

1: says no version. `ModelCheckpoint` may have the paths of its files, and the folder of the run as `dirpath`;
`fingerprint` and `metrics` may be missing.
2: `ModelCheckpoint` has names in the folder of the run, and no `dirpath`; `fingerprint` and `metrics` are there. The
value is the tanh of one output.
3: the value is that of win, draw and loss, of which each has an output; `hyper_parameters` name the activation; there
is a table of patterns.
"""
VERSION_KEY = "pylos_checkpoint_version"
"""Where a checkpoint says its version."""
PRECISION_KEY = "training_precision"
"""Where a checkpoint says in which precision its run trains, see `pylos.training.step_precision`."""
PATHS = ("best_model_path", "kth_best_model_path", "last_model_path")
"""Where the state of a `ModelCheckpoint` names files, besides its `best_k_models`."""
_STEP = Range(int, 0, 2**53)
REQUIRED = {"state_dict": Each(Tensor), "hyper_parameters": dict, "epoch": _STEP, "global_step": _STEP}
"""What every checkpoint has."""
_OPTIONAL = {
    VERSION_KEY: Range(int, 1, VERSION),
    "pytorch-lightning_version": str,
    "datamodule_hyper_parameters": dict,
    "callbacks": Each(dict),
    "loops": Each(dict),
    "optimizer_states": Row({"state": Each(dict), "param_groups": Each(dict)}),
    "lr_schedulers": Each(dict),
    "fingerprint": dict,
    "history": str,
    PRECISION_KEY: Choice(("auto", *PRECISIONS)),
}
_TEXT_KEYS = "state_dict", "hyper_parameters", "datamodule_hyper_parameters", "callbacks", "loops"
"""Where all names must be texts."""
_LIGHTNING_VERSION = re.compile(
    r"2\.\d{1,4}\.\d{1,4}(\.?(a|b|rc|post|dev)\d{0,12})?(\+[\w.]{1,40})?", re.ASCII
)


def check_and_upgrade(checkpoint: Any, path: StrPath) -> None:
    """Checks a checkpoint, see `check`, and brings it to `VERSION`, in place."""
    check(checkpoint, path)
    upgrade(checkpoint)


def check(checkpoint: Any, path: StrPath) -> None:
    """Checks a checkpoint of our module, as far as it has the parts of one.

    Args:
        checkpoint: what the file holds.
        path: its name.

    Raises:
        CheckpointError: it is no such checkpoint, it is of a newer version, or a part of it makes no sense.
    """
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f"{path} is not a checkpoint of PylosModule: it holds a {type(checkpoint).__name__}"
        )
    version = checkpoint.get(VERSION_KEY, 1)
    if type(version) is int and version > VERSION:
        raise CheckpointError(f"{path} has format {shown(version)}, this program reads up to {VERSION}")
    if lacking := [key for key in REQUIRED if key not in checkpoint]:
        raise CheckpointError(f"{path} is not a checkpoint of PylosModule: it lacks {', '.join(lacking)}")
    try:
        check_state(checkpoint, REQUIRED, "checkpoint")
        check_state(checkpoint, {key: _OPTIONAL[key] for key in _OPTIONAL if key in checkpoint}, "checkpoint")
        for key in _TEXT_KEYS:
            if odd := [name for name in checkpoint.get(key, {}) if type(name) is not str]:
                raise CheckpointError(f"{shown(odd[0])} in checkpoint[{key!r}] is no name")
        for optimizer in checkpoint.get("optimizer_states", ()):
            check_state(optimizer["state"], {}, "the state of an optimizer")
        _check_hyperparameters(checkpoint)
        # Modules read it when they load their weights.
        notes = getattr(checkpoint["state_dict"], "_metadata", None)
        check_state(notes or {}, Each(dict), "the metadata of the weights")
        lightning = checkpoint.get("pytorch-lightning_version", "2.0.0")
        if not _LIGHTNING_VERSION.fullmatch(lightning):
            raise CheckpointError(f"it is of an unknown version of Lightning, {shown(lightning)}")
    except CheckpointError as error:
        raise CheckpointError(f"{path} makes no sense: {error}") from None


def upgrade(checkpoint: dict[str, Any]) -> None:
    """Brings a checkpoint that `check` has found sound to `VERSION`, in place."""
    version = checkpoint.get(VERSION_KEY, 1)
    if version < 2:
        _bring_to_version_2(checkpoint)
    if version < 3:
        _bring_to_version_3(checkpoint)
    checkpoint[VERSION_KEY] = VERSION


def _bring_to_version_2(checkpoint: dict[str, Any]) -> None:
    checkpoint.setdefault("fingerprint", {})
    checkpoint.setdefault("metrics", {"newest": {}, "epoch": {}, "sums": {}})
    states = checkpoint.get("callbacks", {})
    for key, state in states.items() if isinstance(states, dict) else ():
        if "dirpath" in state and isinstance(state.get("best_k_models"), dict):
            states[key] = with_file_names(state)


def _bring_to_version_3(checkpoint: dict[str, Any]) -> None:
    """Names the activation that there was, makes three outputs of one, and makes a table of patterns of zeros."""
    options = checkpoint["hyper_parameters"]
    if {"width", "blocks"} <= options.keys():  # else it is somebody's own network
        options.setdefault("activation", "relu")
    weights, *others = _all_weights(checkpoint)
    matrices = sum(weight.ndim > 1 for weight in weights.values())
    vectors = len(weights) - matrices
    shapes, grown = _make_three_outputs(weights), _add_patterns(weights, options.get("width"))
    for other in others:
        _make_three_outputs(other)
        _add_patterns(other, options.get("width"))
    for optimizer in checkpoint.get("optimizer_states", ()):
        for shape in shapes:
            _forget_moments(optimizer["state"], shape)
        if grown:
            _make_room(optimizer, matrices, vectors)


def _all_weights(checkpoint: dict[str, Any]) -> list[dict[str, Any]]:
    """All weights of networks that a checkpoint holds, those of its own network first."""
    callbacks = checkpoint.get("callbacks", {})
    states = callbacks.values() if isinstance(callbacks, dict) else ()
    others = [
        checkpoint.get("current_model_state"),  # of `WeightAveraging`: its own ones are averages
        *(state.get("previous_weights") for state in states),  # the opponent of an evaluation
    ]
    return [checkpoint["state_dict"], *(other for other in others if isinstance(other, dict))]


def _make_three_outputs(weights: dict[str, Any]) -> list[torch.Size]:
    """Makes three outputs of one, z, so that the value stays tanh z: 2z for a win, log 2 for a draw and -2z for a loss.

    These are the chances of two wins, of one and of none in two games that are each won with the chance (1 + tanh z)/2.

    Args:
        weights: of our network, or of another one, which stays as it is.

    Returns:
        The shapes that the weights had that were changed.
    """
    draws = {"value_head.weight": 0.0, "value_head.bias": math.log(2)}
    plain = {plain_name(str(name)).removeprefix("network."): name for name in weights}
    heads: list[Any] = [weights.get(plain.get(part, "")) for part in draws]
    if not all(isinstance(head, Tensor) and head.shape[:1] == (1,) for head in heads):
        return []
    for (part, draw), head in zip(draws.items(), heads, strict=True):
        weights[plain[part]] = torch.cat([2 * head, torch.full_like(head, draw), -2 * head])
    return [head.shape for head in heads]


def _forget_moments(states: dict[Any, dict[str, Any]], shape: torch.Size) -> None:
    """Lets an optimizer begin anew with the last weight of a shape: the head, whose gradient is another one now."""
    found = [
        number
        for number, state in states.items()
        if any(isinstance(moment, Tensor) and moment.shape == shape for moment in state.values())
    ]
    for number in found[-1:]:
        del states[number]


def _add_patterns(weights: dict[str, Any], width: Any) -> bool:
    """Adds a table of zeros for the patterns.

    Args:
        weights: of our network for Pylos, or of another one, which stays as it is.
        width: of the network.

    Returns:
        Whether the weights are all of our network.
    """
    plain = {plain_name(str(name)).removeprefix("network."): name for name in weights}
    name = plain.get("stem.weight", "")
    stem = weights.get(name)
    if "patterns.table" in plain or not isinstance(stem, Tensor) or stem.ndim != 2:
        return False
    part, inputs = stem.shape
    if (len(SQUARE.inputs) * part, inputs) != (width, OBSERVATION_SIZE):
        return False
    weights[f"{name.removesuffix('stem.weight')}patterns.table"] = stem.new_zeros(NUM_PATTERNS, part)
    return all(name.startswith("network.") for name in weights)


def _make_room(optimizer: dict[str, Any], matrices: int, vectors: int) -> None:
    """Gives the state of an optimizer a new last matrix, without moments: it begins anew with it.

    Args:
        optimizer: has all weights in one group, or matrices in one and vectors in another, as `AnnealedModule` has.
            Any other state stays as it is, and is refused when a run wants to go on with it.
        matrices: how many there were.
        vectors: how many there are.
    """
    groups, states, count = optimizer["param_groups"], optimizer["state"], matrices + vectors
    if not isinstance(groups, list) or not isinstance(states, dict) or not set(states) <= set(range(count)):
        return
    place = matrices if len(groups) == 2 else count
    numbers = [list(range(place)), list(range(place, count))][: len(groups)]
    if [group.get("params") for group in groups] != numbers:
        return
    groups[0]["params"] = list(range(place + 1))
    for group in groups[1:]:
        group["params"] = list(range(place + 1, count + 1))
    optimizer["state"] = {number + (number >= place): state for number, state in states.items()}


def with_file_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a `ModelCheckpoint` with the names that its files have in its folder, in place of their paths."""
    folder = state.get("dirpath")
    return {
        **{key: value for key, value in state.items() if key != "dirpath"},
        **{key: _name(state[key], folder) for key in PATHS if key in state},
        "best_k_models": {_name(path, folder): score for path, score in state["best_k_models"].items()},
    }


def _name(path: Any, folder: Any) -> Any:
    """The name of a file in a folder; "" if it does not lie there. What is no text stays, to be refused later."""
    if not isinstance(path, str):
        return path
    try:
        return str(PurePath(path).relative_to(folder)) if path else ""
    except (ValueError, TypeError):  # the latter where the folder is no text
        return ""


def _check_hyperparameters(checkpoint: Mapping[str, Any]) -> None:
    options = checkpoint["hyper_parameters"]
    check_state(options, {"rules": str} if "rules" in options else {}, "hyper_parameters")
    weights = sum(tensor.numel() for tensor in checkpoint["state_dict"].values())
    for name in ("width", "blocks"):
        # The network is made before its weights are compared, and a huge one would fill the memory.
        size = options.get(name, 0)
        if type(size) in (int, float) and not abs(size) <= max(weights, 1 << 16):
            raise CheckpointError(
                f"hyper_parameters[{name!r}] is {shown(size)}, but there are {weights} weights"
            )


def check_tensors(state: Any, path: StrPath, size: int) -> None:
    """Checks that all tensors are plain arrays of numbers that are in the file.

    Args:
        state: what the file holds.
        path: its name.
        size: of the file, in bytes.

    Raises:
        CheckpointError: a tensor is something else.
    """
    for tensor in _tensors(state):
        kind = ""
        if type(tensor) not in (Tensor, torch.nn.Parameter):
            kind = type(tensor).__name__
        elif tensor.layout != torch.strided or tensor.is_nested:
            kind = "sparse or nested"
        elif tensor.is_meta:
            kind = "without its numbers"
        elif tensor.is_quantized:
            kind = "quantised"
        elif tensor.numel() * tensor.element_size() > size:
            kind = "larger than the file"
        if kind:
            raise CheckpointError(f"{path} makes no sense: a tensor in it is {kind}")


def _tensors(state: Any) -> Iterator[Tensor]:
    """All tensors in nested containers. A container may hold itself."""
    left, seen = [state], set()
    while left:
        item = left.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (dict, list, tuple, set)) and id(item) not in seen:
            seen.add(id(item))
            left.extend(item.values() if isinstance(item, dict) else item)
