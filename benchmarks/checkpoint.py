"""How long a checkpoint with a full replay buffer takes to save and to load, and how large it is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from pylos.runs.checkpoint_io import AtomicCheckpointIO
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule

REPEATS = 5


def full_checkpoint() -> dict[str, object]:
    """What a run with the default options saves once its buffer is full, without the games in flight."""
    module, data = PylosModule(), SelfPlayDataModule()
    optimizer = module.configure_optimizers()["optimizer"]
    sum(parameter.sum() for parameter in module.parameters()).backward()
    optimizer.step()
    buffer = data.buffer
    random = np.random.default_rng(0)
    for array in buffer.samples:
        array[...] = random.integers(0, 300, array.shape)
    buffer.added = buffer.capacity
    return {
        "state_dict": module.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "SelfPlayDataModule": {"ranks": [{"buffer": buffer.state_dict()}]},
    }


def main() -> None:
    """Measures and prints."""
    checkpoint, io = full_checkpoint(), AtomicCheckpointIO()
    saves, loads = [], []
    with tempfile.TemporaryDirectory(dir=".") as folder:  # on the disk where runs land
        path = Path(folder) / "last.ckpt"
        for _ in range(REPEATS):
            start = time.perf_counter()
            io.save_checkpoint(checkpoint, path)
            saves.append(time.perf_counter() - start)
            start = time.perf_counter()
            io.load_checkpoint(path)
            loads.append(time.perf_counter() - start)
        size = path.stat().st_size / 1e6
    print(f"{size:.1f} MB; save {median(saves):.2f} s ({min(saves):.2f} to {max(saves):.2f}), with fsync")
    print(f"load {median(loads):.2f} s ({min(loads):.2f} to {max(loads):.2f}), with all checksums")


if __name__ == "__main__":
    main()
