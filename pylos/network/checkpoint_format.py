"""What may stand in a checkpoint, whoever wrote it: checked when the file is read, before anything is done with it.

What has to fit a certain trainer or optimizer is checked where that is known: see ``pylos.runs.resuming``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from pylos.errors import CheckpointError
from pylos.system.files import StrPath
from pylos.system.options import Range, shown
from pylos.system.schema import Each, check_state

_STEP = Range(int, 0, 2**53)
_TEXT_KEYS = "state_dict", "hyper_parameters", "datamodule_hyper_parameters", "callbacks", "loops"
REQUIRED = {"state_dict": Each(Tensor), "hyper_parameters": dict, "epoch": _STEP, "global_step": _STEP}
_OPTIONAL = {
    "pytorch-lightning_version": str,
    "datamodule_hyper_parameters": dict,
    "callbacks": Each(dict),
    "loops": Each(dict),
    "optimizer_states": Each({"state": Each(dict), "param_groups": Each(dict)}),
    "lr_schedulers": Each(dict),
    "fingerprint": dict,
    "history": str,
}
_VERSION = re.compile(r"2\.\d{1,4}\.\d{1,4}(\.?(a|b|rc|post|dev)\d{0,12})?(\+[\w.]{1,40})?", re.ASCII)


def check_checkpoint(checkpoint: Any, path: StrPath) -> None:
    """Checks the parts that a Lightning checkpoint of our module has, as far as they are there.

    Raises:
        CheckpointError: it is none, or something in it is of another kind or out of its range.
    """
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f"{path} is not a checkpoint of PylosModule: it holds a {type(checkpoint).__name__}"
        )
    if lacking := [key for key in REQUIRED if key not in checkpoint]:
        raise CheckpointError(f"{path} is not a checkpoint of PylosModule: it lacks {', '.join(lacking)}")
    try:
        check_state(checkpoint, REQUIRED, "checkpoint")
        check_state(checkpoint, {key: _OPTIONAL[key] for key in _OPTIONAL if key in checkpoint}, "checkpoint")
        for key in _TEXT_KEYS:
            if odd := [name for name in checkpoint.get(key, {}) if type(name) is not str]:
                raise CheckpointError(f"{shown(odd[0])} in checkpoint[{key!r}] is no name")
        _check_hyperparameters(checkpoint)
        # Modules would read it.
        notes = getattr(checkpoint["state_dict"], "_metadata", None)
        check_state(notes or {}, Each(dict), "the metadata of the weights")
        version = checkpoint.get("pytorch-lightning_version", "2.0.0")
        if not _VERSION.fullmatch(version):
            raise CheckpointError(f"it is of an unknown version of Lightning, {shown(version)}")
    except CheckpointError as error:
        raise CheckpointError(f"{path} makes no sense: {error}") from None


def _check_hyperparameters(checkpoint: Mapping[str, Any]) -> None:
    options = checkpoint["hyper_parameters"]
    check_state(options, {"rules": str} if "rules" in options else {}, "hyper_parameters")
    weights = sum(tensor.numel() for tensor in checkpoint["state_dict"].values())
    for name in ("width", "blocks"):
        # A network of more than the memory holds would be made before anything shows that it does not fit.
        size = options.get(name, 0)
        if type(size) in (int, float) and not abs(size) <= max(weights, 1 << 16):
            raise CheckpointError(
                f"hyper_parameters[{name!r}] is {shown(size)}, but there are {weights} weights"
            )


def check_tensors(state: Any, path: StrPath, size: int) -> None:
    """Refuses tensors that are not plain arrays of numbers, all of which are in the file.

    Args:
        state: what the file holds.
        path: its name.
        size: of the file in bytes.

    Raises:
        CheckpointError: there is one.
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
    """All tensors in nested containers, which may hold themselves."""
    left, seen = [state], set()
    while left:
        item = left.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (dict, list, tuple, set)) and id(item) not in seen:
            seen.add(id(item))
            left.extend(item.values() if isinstance(item, dict) else item)
