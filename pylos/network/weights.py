"""The weights of a network, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from pylos.errors import CheckpointError, NonFiniteNetworkError
from pylos.system.files import StrPath


def check_finite(weights: Mapping[str, Tensor], owner: StrPath) -> None:
    """Raises NonFiniteNetworkError, which names the owner of the weights, if one of them is not a finite number."""
    for name, weight in weights.items():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            raise NonFiniteNetworkError(f"{owner}: the weights {name} are not finite numbers")


def check_fit(theirs: Mapping[str, Tensor], ours: Mapping[str, Tensor], path: StrPath) -> None:
    """Raises CheckpointError where weights are not of the same names, shapes and kinds of numbers.

    Precisions may differ.

    Args:
        theirs: the weights in a file.
        ours: those that they are to replace.
        path: the name of the file.
    """
    for name in sorted(ours.keys() | theirs.keys()):
        there, here = (tuple(part[name].shape) if name in part else "absent" for part in (theirs, ours))
        if there != here:
            raise CheckpointError(
                f"{path} does not fit the network of this configuration: {name} is {there} there and {here} here "
                "(model.width, model.blocks)"
            )
        found, wanted = theirs[name].dtype, ours[name].dtype
        if found != wanted and not (found.is_floating_point and wanted.is_floating_point):
            raise CheckpointError(f"{path} makes no sense: {name} is {found}, not {wanted}")


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Eight hexadecimal digits by which these weights are known, wherever their file lies."""
    digest = hashlib.blake2b(digest_size=4)
    for name in sorted(weights):
        content = weights[name].detach().contiguous().flatten().view(torch.uint8)  # NumPy knows no bfloat16
        digest.update(name.encode() + content.numpy().tobytes())
    return digest.hexdigest()
