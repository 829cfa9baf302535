"""Which precision is faster on this machine."""

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
"""Of the file of precisions; there are some hundred for each network."""


def fastest_precision(network: nn.Module, device: torch.device | str, batch_size: int) -> str:
    """Which precision evaluates a batch sooner.

    It is measured once on a machine and kept in ``$PYLOS_HOME``: a run that is killed before its first checkpoint and
    starts again must choose the same, or its games would be others.
    """
    what = (torch.__version__, processor(), device_name(torch.device(device)), repr(network), batch_size)
    key = hashlib.blake2b(repr(what).encode(), digest_size=8).hexdigest()
    path = home() / "precision.json"
    with ExitStack() as stack:
        # Nowhere to write, no locks on this file system, or who holds it does not go on.
        with suppress(OSError, NotImplementedError):
            stack.enter_context(FileLock(path.with_suffix(".lock"), timeout=60))
        known = _known_precisions(path)
        if key not in known:
            known[key] = _measure_precisions(network, device, batch_size)
            with suppress(OSError):
                atomic_write(path, json.dumps(known, indent=1) + "\n")
    return known[key]


def _known_precisions(path: Path) -> dict[str, str]:
    """What was measured before, by configuration; what is anything else is measured anew."""
    with suppress(OSError, ValueError, RecursionError):
        with open_regular(path) as file:
            content = json.loads(file.read(_MOST_BYTES))
        if isinstance(content, dict):
            return {key: value for key, value in content.items() if value in list(PRECISIONS)}
    return {}


def _measure_precisions(network: nn.Module, device: torch.device | str, batch_size: int) -> str:
    """Times all of them; a tie goes to float32."""
    positions = np.zeros(batch_size, np.int64)
    seconds = {}
    with single_threaded_torch():
        for precision in PRECISIONS:
            evaluate = NetworkEvaluator(network, 0, device, precision)
            for _ in range(3):  # the first calls prepare the later ones
                evaluate(positions)
            start = time.perf_counter()
            for _ in range(5):
                evaluate(positions)
            seconds[precision] = time.perf_counter() - start
    return "bfloat16" if seconds["bfloat16"] < 0.9 * seconds["float32"] else "float32"
