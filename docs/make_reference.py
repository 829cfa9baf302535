"""Keeps a finished run as the reference: weights in the package, records and a picture in lightning_logs/reference.

    python docs/make_reference.py lightning_logs/laptop

Needs matplotlib and what exports need (`pip install 'pylos[docs,export]'`). What ships is the network of the last
checkpoint of the run: as a checkpoint, and as ONNX, which players on a CPU take.
Afterwards `python benchmarks/levels.py RULES` measures the levels anew: a test fails until it has.
"""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from pylos.adapters.export import export_network
from pylos.network.checkpoint_format import REQUIRED, VERSION_KEY
from pylos.network.checkpoints import load_checkpoint
from pylos.players.naming import ONNX
from pylos.runs.folder import CHECKPOINTS
from pylos.system.files import replacing

KEPT = (*REQUIRED, VERSION_KEY, "pytorch-lightning_version")
"""What a player needs of a checkpoint."""
ROOT = Path(__file__).resolve().parent.parent
RECORDS = ("metrics.csv", "config.yaml", f"{CHECKPOINTS}/manifest.json")
TRUTH = {
    "truth/search_accuracy": "search",
    "truth/policy_accuracy": "policy",
    "truth/uniform_accuracy": "uniformly random",
}
COLOURS = ["#4c9f70", "#c8553d", "#c9c9c9"]


def ship(run: Path) -> Path:
    """Writes what a player needs of the last checkpoint into the package, and returns the checkpoint."""
    checkpoint = load_checkpoint(run / CHECKPOINTS / "last.ckpt")
    path = ROOT / "pylos" / "players" / "reference" / f"{checkpoint['hyper_parameters']['rules']}.ckpt"
    with replacing(path) as file:
        torch.save({name: checkpoint[name] for name in KEPT}, file)
    print(export_network(path, path.with_suffix(ONNX), overwrite=True))
    return path


def plot(run: Path, path: Path) -> None:
    """Draws the accuracy against the truth, and Elo, over the epochs of the run, which may have been interrupted."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    def series(tag: str) -> dict[int, float]:
        return {int(row["epoch"]) + 1: float(row[tag]) for row in rows if row.get(tag)}

    def draw(axes: Any, values: dict[int, float], **options: Any) -> None:
        axes.plot(list(values), list(values.values()), **options)
        axes.grid(axis="y", color="#e4e4e4")

    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pylos", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    for (tag, name), colour in zip(TRUTH.items(), COLOURS, strict=True):
        draw(left, series(tag), color=colour, label=name)
    left.set(title="how often a choice keeps the exact value", xlabel="epochs", ylim=(0.4, 1), xlim=(0, None))
    left.legend(loc="center right")
    elo, low, high = series("eval/elo"), series("eval/elo_low"), series("eval/elo_high")
    # An open end of an interval was not logged. There the band reaches the edge of the picture.
    bottom, top = min([*low.values(), *elo.values()]) - 100, max([*high.values(), *elo.values()]) + 100
    ends = [low.get(epoch, bottom) for epoch in elo], [high.get(epoch, top) for epoch in elo]
    right.fill_between(list(elo), *ends, color="#4c9f7040", linewidth=0)
    draw(right, elo, color="#4c9f70")
    right.set(title="Elo, with its 95 % interval", xlabel="epochs", xlim=(0, None), ylim=(bottom, top))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main(run: Path) -> None:
    """Ships the network of a run, copies its records, and draws its progress."""
    shipped = ship(run)
    kept = ROOT / "lightning_logs" / "reference"
    if shipped.stem != "standard":
        kept /= shipped.stem
    kept.mkdir(parents=True, exist_ok=True)
    for name in RECORDS:
        shutil.copy(run / name, kept / Path(name).name)
    plot(run, kept / "progress.svg")
    print(shipped)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
