"""What the bits of a run depend on besides its configuration."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import torch

from pylos.system.machine import device_name, processor

Fingerprint = dict[str, str | int]


def fingerprint(device: torch.device, ranks: int) -> Fingerprint:
    """Names and values of what has to stay the same, if a resumed run is to stay the same to the last bit.

    Args:
        device: the device on which the network is trained.
        ranks: how many processes train together.
    """
    return {
        "pylos": version("pylos"),
        "Python": platform.python_version(),
        **{name: version(name) for name in ("torch", "lightning", "numpy", "numba", "scipy", "onnxruntime")},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "device": device_name(device),
        "torch threads": torch.get_num_threads(),
        "ranks": ranks,
    }


def differences(before: Mapping[str, str | int], now: Mapping[str, str | int]) -> list[str]:
    """What differs between two fingerprints, one text for each item."""
    names = dict.fromkeys([*before, *now])
    return [
        f"{name} {before.get(name, 'unknown')} then, {now.get(name, 'unknown')} now"
        for name in names
        if before.get(name) != now.get(name)
    ]
