"""The precision in which a network is faster on this machine."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import nn

from pylos.network.evaluator import PRECISIONS, NetworkEvaluator
from pylos.network.threads import single_threaded_torch
from pylos.system.files import atomic_write, open_regular
from pylos.system.home import home
from pylos.system.machine import device_name, processor

_MOST_BYTES = 1 << 20
"""The most that is read of the file of precisions. A network takes about a hundred bytes."""


def fastest_precision(network: nn.Module, device: torch.device | str, batch_size: int) -> str:
    """The precision in which a network evaluates a batch sooner: "float32" or "bfloat16".

    It is measured once on a machine and kept in `$PYLOS_HOME`. A run that is killed before its first checkpoint and
    starts again must choose the same precision, or it would play other games.

    Args:
        network: see `NetworkEvaluator`.
        device: where to compute.
        batch_size: positions in a batch.
    """
    what = (torch.__version__, processor(), device_name(torch.device(device)), repr(network), batch_size)
    key = hashlib.blake2b(repr(what).encode(), digest_size=8).hexdigest()
    path = home() / "precision.json"
    with ExitStack() as stack:
        # There may be nowhere to write, the file system may have no locks, or the holder of the lock may hang.
        with suppress(OSError, NotImplementedError):
            stack.enter_context(FileLock(path.with_suffix(".lock"), timeout=60))
        known = _known_precisions(path)
        if key not in known:
            known[key] = _measure_precisions(network, device, batch_size)
            with suppress(OSError):
                atomic_write(path, json.dumps(known, indent=1) + "\n")
    return known[key]


def _known_precisions(path: Path) -> dict[str, str]:
    """What was measured before, by the digest of what was measured. Whatever else the file holds is left out."""
    with suppress(OSError, ValueError, RecursionError):
        with open_regular(path) as file:
            content = json.loads(file.read(_MOST_BYTES))
        if isinstance(content, dict):
            return {key: value for key, value in content.items() if value in list(PRECISIONS)}
    return {}


def _measure_precisions(network: nn.Module, device: torch.device | str, batch_size: int) -> str:
    """Times both precisions. It is float32 unless bfloat16 takes less than 0.9 of its time."""
    positions = np.zeros(batch_size, np.int64)
    seconds = {}
    with single_threaded_torch():
        for precision in PRECISIONS:
            evaluate = NetworkEvaluator(network, 0, device, precision)
            for _ in range(3):  # the first calls are slower
                evaluate(positions)
            start = time.perf_counter()
            for _ in range(5):
                evaluate(positions)
            seconds[precision] = time.perf_counter() - start
    return "bfloat16" if seconds["bfloat16"] < 0.9 * seconds["float32"] else "float32"
