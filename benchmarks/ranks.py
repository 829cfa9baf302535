"""Self-play on two ranks against one, a thread each, in turn; and the bytes that two ranks exchange in an epoch.

    python benchmarks/ranks.py [PRESET [OPTION ...]]

Every run is a `pylos fit` under torchrun. The first epoch, which compiles, does not count.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPTIONS = {
    "--trainer.max_epochs": "4",
    "--trainer.accelerator": "cpu",
    "--trainer.strategy": "ddp",
    "--data.games_per_epoch": "256",
    "--data.parallel_games": "256",
    "--data.batches_per_epoch": "50",
    "--data.search_threads": "1",
}
ROUNDS = 3
"""Runs of either kind."""


def main(preset: str = "quick", *options: str) -> None:
    speeds: dict[int, list[tuple[float, ...]]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for ranks, found in speeds.items():
            results = run(ranks, preset, *options)
            for epoch in zip(*(result["speeds"] for result in results), strict=True):
                found.append(tuple(map(sum, zip(*epoch, strict=True))))
    for i, unit in enumerate(("second", "second of work of its processor")):
        one, two = (statistics.median(speed[i] for speed in found) for found in speeds.values())
        print(f"{preset}: {one:,.0f} positions on one rank in a {unit}, {two:,.0f} on two: {two / one:.2f}")
    total: Counter[str] = Counter()
    for result in results:  # of the last run on two
        total.update(result["sent"])
    print("sent in an epoch, by both ranks together:")
    for part, sent in total.most_common():
        print(f"{part:52} {sent / 1e6:12,.3f} MB")


def run(ranks: int, preset: str, *options: str) -> list[dict[str, Any]]:
    """Trains on so many ranks; returns what each has measured."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    with tempfile.TemporaryDirectory() as folder:
        place = ["--trainer.devices", str(ranks), "--trainer.logger.init_args.save_dir", folder]
        settings = [part for option in OPTIONS.items() for part in option]
        arguments = ["fit", "-c", preset, *settings, *place, *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *launcher, __file__, "--rank", folder, *arguments]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        return [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(ranks)]


class Sent:
    """Counts the bytes that this rank sends, by what they are for."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()
        self.at_epochs: list[Counter[str]] = []
        """What had been sent when each epoch began."""
        self._part = "metrics, barriers and the rest"

    def within(self, part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method, in which all that is sent is for a part."""

        @functools.wraps(method)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            before, self._part = self._part, part
            try:
                return method(*arguments, **options)
            finally:
                self._part = before

        return wrapper

    def add(self, operation: str, size: int, root: int = 0) -> None:
        """Adds an exchange of tensors of this size; in a sum over n ranks each sends 2 (n - 1) / n of it."""
        import torch.distributed as distributed

        ranks, is_root = distributed.get_world_size(), distributed.get_rank() == root
        others = ranks - 1
        factor = {
            "all_reduce": 2 * others / ranks,
            "all_gather": others,
            "broadcast": others if is_root else 0,
            "gather": 0 if is_root else 1,
        }[operation]
        self.bytes[self._part] += round(factor * size)

    def watch(self) -> None:
        """Wraps torch's exchanges, and the methods that tell what they are for."""
        import torch
        from lightning.pytorch.loops.evaluation_loop import _EvaluationLoop
        from lightning.pytorch.strategies import DDPStrategy
        from torch.distributed import distributed_c10d as c10d
        from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

        from callbacks import EvaluationCallback
        from pylos.runs.logger import RunLogger
        from pylos.training.datamodule import SelfPlayDataModule

        def size(value: Any) -> int:
            return int(value.numel() * value.element_size()) if isinstance(value, torch.Tensor) else 0

        def counted(name: str, place: int, original: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(*arguments: Any, **options: Any) -> Any:
                given = arguments[place] if len(arguments) > place else options.get("tensor")
                root = options.get("src", options.get("dst", options.get("group_dst"))) or 0
                self.add(name, size(given), root)
                return original(*arguments, **options)

            return wrapper

        for name, place in (("all_reduce", 0), ("all_gather", 1), ("broadcast", 0), ("gather", 0)):
            replacement = counted(name, place, getattr(c10d, name))
            setattr(c10d, name, replacement)
            setattr(torch.distributed, name, replacement)

        configure = DDPStrategy.configure_ddp

        def configure_ddp(strategy: Any) -> None:
            configure(strategy)
            strategy.model.register_comm_hook(None, self.within("gradients", allreduce_hook))

        DDPStrategy.configure_ddp = configure_ddp
        parts: list[tuple[Any, str, str]] = [
            (SelfPlayDataModule, "state_dict", "samples and games, for checkpoints"),
            (EvaluationCallback, "on_train_epoch_end", "evaluation"),
            (_EvaluationLoop, "run", "validation"),
            (RunLogger, "log_metrics", "logs"),
        ]
        for owner, method, part in parts:
            setattr(owner, method, self.within(part, getattr(owner, method)))


def measure(folder: str, *arguments: str) -> None:
    """Trains as one of the ranks and writes what it has measured into a folder."""
    from pylos.cli.main import main as pylos
    from pylos.training.generations import Generations

    sent, speeds, play = Sent(), [], Generations.play
    sent.watch()

    def measured(generations: Generations, *arguments: Any) -> None:
        sent.at_epochs.append(sent.bytes.copy())
        work = time.process_time()
        play(generations, *arguments)
        assert generations.stats is not None
        positions, seconds = generations.stats.positions, generations.stats.seconds
        speeds.append((positions / seconds, positions / (time.process_time() - work)))

    Generations.play = measured
    assert pylos(arguments) == 0
    _, first, *_, last = sent.at_epochs
    epochs = len(sent.at_epochs) - 2
    per_epoch = {part: (last[part] - first[part]) / epochs for part in last}
    found = {"speeds": speeds[1:], "sent": per_epoch}
    (Path(folder) / f"{os.environ['RANK']}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rank"]:
        measure(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
