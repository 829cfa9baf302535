"""The precision in which a network is faster on this machine."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import nn
from torch.random import fork_rng

from pylos.game.observation import OBSERVATION_SIZE
from pylos.network.compiled import uncompiled
from pylos.network.evaluator import PRECISIONS, NetworkEvaluator
from pylos.network.threads import single_threaded_torch
from pylos.system.files import atomic_write, open_regular
from pylos.system.home import home
from pylos.system.machine import device_name, processor

_MOST_BYTES = 1 << 20
"""The most that is read of the file of precisions. A network takes about a hundred bytes."""


def fastest_precision(network: nn.Module, device: torch.device | str, batch_size: int) -> str:
    """The precision in which a network evaluates a batch sooner: "float32" or "bfloat16".

    Args:
        network: see `NetworkEvaluator`.
        device: where to compute.
        batch_size: positions in a batch.
    """

    def seconds(precision: str) -> float:
        evaluate, positions = NetworkEvaluator(network, 0, device, precision), np.zeros(batch_size, np.int64)
        return _time(lambda: evaluate(positions))

    what = device_name(torch.device(device)), repr(network), batch_size
    with single_threaded_torch():
        return _faster(what, seconds)


def fastest_training_precision(network: nn.Module, batch_size: int) -> str:
    """The precision in which a processor trains a network faster: "float32", or "bfloat16" by autocast.

    Args:
        network: see `PylosModule.make_network`; on the CPU. It stays as it is.
        batch_size: samples of a step.
    """
    trained, observations = copy.deepcopy(uncompiled(network)), torch.zeros(batch_size, OBSERVATION_SIZE)

    def step(precision: str) -> None:
        with autocast(precision, observations.device):
            outcomes, log_policy = trained(observations)
        (outcomes.float().square().mean() - log_policy.float().mean()).backward()

    with fork_rng(devices=()):  # a user's network may draw, and draws once on a machine here
        return _faster(
            ("training", torch.get_num_threads(), repr(trained), batch_size),
            lambda precision: _time(lambda: step(precision)),
        )


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context in which a training step computes its network in a precision; the weights stay float32.

    In "float32" it leaves everything as it is, also the autocast of a trainer.
    """
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def _faster(what: tuple[object, ...], seconds: Callable[[str], float]) -> str:
    """The precision that takes less time. It is float32 unless bfloat16 takes less than 0.9 of its time.

    It is measured once on a machine and kept in `$PYLOS_HOME`. A run that is killed before its first checkpoint and
    starts again must choose the same precision, or it would play other games.

    Args:
        what: is measured, besides the machine.
        seconds: measures a precision.
    """
    key = hashlib.blake2b(repr((torch.__version__, processor(), *what)).encode(), digest_size=8).hexdigest()
    path = home() / "precision.json"
    with ExitStack() as stack:
        # There may be nowhere to write, the file system may have no locks, or the holder of the lock may hang.
        with suppress(OSError, NotImplementedError):
            stack.enter_context(FileLock(path.with_suffix(".lock"), timeout=60))
        known = _known_precisions(path)
        if key not in known:
            known[key] = "bfloat16" if seconds("bfloat16") < 0.9 * seconds("float32") else "float32"
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


def _time(call: Callable[[], object]) -> float:
    """Seconds of five calls, after a few that are slower."""
    for _ in range(3):
        call()
    start = time.perf_counter()
    for _ in range(5):
        call()
    return time.perf_counter() - start
