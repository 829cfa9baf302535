"""Where the time of an epoch goes: `pylos fit` with a preset, its parts measured while it runs.

    python benchmarks/epoch.py [PRESET [EPOCHS [OPTION ...]]]

The first epoch, which compiles and rates the anchors, does not count, nor does the last. So evaluations have their
share if EPOCHS is two more than a multiple of their interval.
"""

from __future__ import annotations

import contextlib
import functools
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from callbacks import BlunderRate, EvaluationCallback
from pylos.cli.main import main as pylos
from pylos.runs.checkpoint_io import AtomicCheckpointIO
from pylos.training.generations import Generations

PARTS: dict[str, tuple[Any, str]] = {
    "self-play": (Generations, "play"),
    "training": (_TrainingEpochLoop, "advance"),
    "validation": (_EvaluationLoop, "run"),
    "evaluation": (EvaluationCallback, "on_train_epoch_end"),
    "blunders": (BlunderRate, "on_train_epoch_end"),
    "checkpoints": (AtomicCheckpointIO, "save_checkpoint"),
}


@contextlib.contextmanager
def measured(parts: dict[str, tuple[Any, str]]) -> Iterator[dict[str, list[tuple[float, float]]]]:
    """Wraps methods and functions, by owner and name; yields when each call began, and the seconds it took."""
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*arguments, **options)
            finally:
                times[name].append((start, time.perf_counter() - start))

        return wrapper

    with contextlib.ExitStack() as stack:
        for name, (owner, method) in parts.items():
            original = getattr(owner, method)
            setattr(owner, method, timed(name, original))
            stack.callback(setattr, owner, method, original)
        yield times


def main(preset: str = "quick", epochs: str = "8", *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder, measured(PARTS) as times:
        place = ["--trainer.max_epochs", epochs, "--trainer.logger.init_args.save_dir", folder]
        began = time.perf_counter()
        assert pylos(["fit", "-c", preset, *place, *options]) == 0
        ended = time.perf_counter()
    # An epoch lasts from one self-play to the next; the last one is left out, for the run's end is not its own.
    starts = [start for start, _ in times["self-play"]]
    first, last, count = starts[1], starts[-1], len(starts) - 2
    seconds = {
        name: sum(took for start, took in calls if first <= start < last) / count
        for name, calls in times.items()
    }
    whole = (last - first) / count
    seconds["the rest"] = whole - sum(seconds.values())
    print(f"{preset}: {whole:.1f} s an epoch, {ended - began:.0f} s in all, {count} epochs measured")
    for name, took in seconds.items():
        print(f"{name:12} {took:8.2f} s   {took / whole:6.1%}")
    print(f"most memory resident: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main(*sys.argv[1:])
