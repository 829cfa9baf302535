"""Checkpoint files, read without trusting them. There is a function for each need.

- `load_network`: to play or to judge positions.
- `load_checkpoint`: to look at anything else in a checkpoint.
- `read_progress`: to know how far the training was.
- `read_torch_file`: to read a file that need not be a checkpoint of ours.

Lightning's Trainer reads by `pylos.runs.checkpoint_io`. In Python, `PylosModule.load_from_checkpoint` makes a module.

Nothing here imports torch before a file is read, and nothing imports Lightning: playing from a checkpoint starts fast.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pylos.errors import CheckpointError
from pylos.network.torch_archive import check_archive
from pylos.system.files import StrPath
from pylos.system.options import COUNT_OR_ZERO, shown

if TYPE_CHECKING:
    from torch import Tensor

    from pylos.network.network import PylosNetwork


class LoadedNetwork(NamedTuple):
    """The network in a checkpoint."""

    network: PylosNetwork
    rules: str
    """The rule set for which it was trained."""
    weights_digest: str
    """Of the weights as the file has them; see `pylos.network.weights.weights_digest`."""


def load_network(path: StrPath) -> LoadedNetwork:
    """Makes the network that a checkpoint holds, on the CPU. Use it to play or to judge positions.

    Raises:
        CheckpointError: as `load_checkpoint`, or the checkpoint holds no network of this version of the package.
        NonFiniteNetworkError: a weight is infinite or not a number.
    """
    from torch.random import fork_rng

    from pylos.network.checkpoint_format import check, upgrade
    from pylos.network.network import pylos_network
    from pylos.network.weights import check_finite, check_fit, weights_digest

    checkpoint = read_torch_file(path)
    check(checkpoint, path)
    try:
        digest = weights_digest(
            _network_weights(checkpoint)
        )  # of the file: a newer program calls it the same
        upgrade(checkpoint)
        options, weights = checkpoint["hyper_parameters"], _network_weights(checkpoint)
        rules = options["rules"]
        # The initial weights are replaced at once. The caller's random draws must not depend on them.
        with fork_rng(devices=()):
            network = pylos_network(options["width"], options["blocks"], options["activation"])
        network.load_state_dict(weights)
    except (KeyError, RuntimeError, TypeError, ValueError):
        raise CheckpointError(f"{path} does not hold a network of this version of pylos") from None
    check_fit(weights, network.state_dict(), path)
    check_finite(weights, path)
    return LoadedNetwork(network, rules, digest)


def _network_weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of the network by the names that they have in it."""
    from pylos.network.compiled import plain_name

    state, prefix = (
        {plain_name(name): weight for name, weight in checkpoint["state_dict"].items()},
        "network.",
    )
    return {name.removeprefix(prefix): weight for name, weight in state.items() if name.startswith(prefix)}


def load_checkpoint(path: StrPath, mmap: bool = False) -> dict[str, Any]:
    """Reads a checkpoint of our module to the CPU, in the present format. Use it to look at what it holds.

    Args:
        path: the file.
        mmap: leave tensors on disk until they are used. Their checksums are then not tested, but all others are.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint of our module, or wants to run code.
    """
    checkpoint = read_torch_file(path, mmap=mmap)
    from pylos.network.checkpoint_format import check_and_upgrade  # late, as it brings torch

    check_and_upgrade(checkpoint, path)
    result: dict[str, Any] = checkpoint
    return result


def check_rules(checkpoint: Mapping[str, Any], rules: str, name: StrPath) -> None:
    """Raises CheckpointError, which names the checkpoint, if it was trained for other rules."""
    theirs = checkpoint["hyper_parameters"].get("rules")
    if theirs != rules:
        raise CheckpointError(f"{name} was trained for {theirs!r} rules, not for {rules!r}")


def check_activation(checkpoint: Mapping[str, Any], activation: str | None, name: StrPath) -> None:
    """Raises CheckpointError, which names the checkpoint, if it has another activation than was asked for, if any."""
    theirs = checkpoint["hyper_parameters"].get("activation")
    if None not in (theirs, activation) and theirs != activation:
        raise CheckpointError(f"{name} has the activation {shown(theirs)}, not {shown(activation)}")


def read_progress(path: StrPath) -> tuple[int, int]:
    """How far a training was when it saved a checkpoint. Use it for that alone: it does not read the tensors.

    Returns:
        The last finished epoch (-1: none is), and the global step.

    Raises:
        CheckpointError: as `load_checkpoint`.
    """
    # Lightning writes the number of the epoch under way. Only its loops tell whether that epoch has ended.
    checkpoint = load_checkpoint(path, mmap=True)
    epoch = checkpoint["epoch"]
    with contextlib.suppress(KeyError, TypeError):
        processed = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        epoch = processed - 1 if processed in COUNT_OR_ZERO else epoch
    return epoch, checkpoint["global_step"]


def read_torch_file(path: StrPath, mmap: bool = False, map_location: Any = "cpu") -> Any:
    """Reads anything that `torch.save` wrote, as plain data. Use it for files that need not be checkpoints of ours.

    Args:
        path: the file.
        mmap: see `load_checkpoint`.
        map_location: see `torch.load`.

    Raises:
        CheckpointError: the file is missing, damaged, not a torch file, or wants to run code.
    """
    check_archive(path, structure_only=mmap)
    import torch

    from pylos.network.checkpoint_format import check_tensors

    try:
        content = torch.load(os.fspath(path), map_location=map_location, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError:
        raise CheckpointError(f"{path} is refused: {_forbidden(path)}") from None
    except (
        Exception
    ) as error:  # the checksums are right, so another program wrote it; torch may raise anything
        raise CheckpointError(f"torch cannot read {path}: {_first_line(error)}") from None
    check_tensors(content, path, os.path.getsize(path))
    return content


def _forbidden(path: StrPath) -> str:
    """Why torch refused to load a file as plain data. torch's own text advises to load it without protection."""
    from torch.serialization import get_unsafe_globals_in_checkpoint

    with contextlib.suppress(Exception):  # torch may fail here, too
        if names := sorted(get_unsafe_globals_in_checkpoint(os.fspath(path))):
            return f"it wants to run code ({', '.join(names)})"
    return "it holds more than plain data"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
