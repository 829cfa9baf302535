"""What learns faster: variants of a preset at equal CPU time, several seeds each, held against the exact solution.

    python benchmarks/learning.py MINUTES SEEDS [VARIANT ...]

A run has one thread, so that its CPU time is its time on a core of its own, whatever else the machine does; as many
runs as there are cores go at once. The learning rate falls along a cosine over the time. Compiling does not count.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from pylos.system.machine import usable_threads

PRESET = "quick"
VARIANTS: dict[str, dict[str, Any]] = {
    "preset": {},
    "uniform": {"data.surprise_weight": 0.0},
    "puct": {"data.root": "puct"},
    "puct-32": {"data.root": "puct", "data.simulations": 32, "data.games_per_epoch": 750},
    "gumbel-32": {"data.simulations": 32, "data.games_per_epoch": 750},
    "no-openings": {"data.opening_plies": 0, "data.temperature_moves": 15, "data.games_per_epoch": 800},
    "width-256": {"model.width": 256},
}
"""Changes to the preset, by name; games so many that an epoch's self-play costs about the same."""
SMALLER: dict[str, Any] = {}
"""Changes to all of them, for a test."""
ANCHOR, GAMES, PLAY_SIMULATIONS = "rollouts:400", 200, 32
COLUMNS = {
    "truth/policy_accuracy": "policy",
    "truth/search_accuracy": "search",
    "truth/value_error": "value error",
    "win_rate": f"against {ANCHOR}",
}


def train(variant: str, seed: int, minutes: float) -> dict[str, float]:
    """One run in this process; what came of it."""
    import lightning.pytorch as pl
    import torch

    from pylos import PylosModule, SelfPlayDataModule, play_match
    from pylos.players.naming import make_player
    from pylos.players.network_player import NetworkPlayer

    class Timed(PylosModule):
        """Its cosine goes by the time, for nobody knows how many steps there will be."""

        began = math.nan

        def _cosine(self, step: int) -> float:
            spent = (time.process_time() - self.began) / (60 * minutes)
            lowest = self.hparams["min_learning_rate"] / self.hparams["learning_rate"]
            part = 0.0 if math.isnan(spent) else min(spent, 1.0)
            return float(lowest + (1 - lowest) * (1 + math.cos(math.pi * part)) / 2)

        def on_train_batch_start(self, *_: object) -> None:
            """Starts the clock, once everything is compiled and the first games are played."""
            if math.isnan(self.began):
                self.began = time.process_time()

        def on_train_epoch_end(self) -> None:
            """Ends the run."""
            super().on_train_epoch_end()
            self.trainer.should_stop = time.process_time() - self.began > 60 * minutes

    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    config = yaml.safe_load((Path(__file__).parents[1] / "configs" / f"{PRESET}.yaml").read_text())
    for name, value in (VARIANTS[variant] | SMALLER).items():
        section, _, option = name.partition(".")
        config[section][option] = value
    config["data"] |= {"seed": seed, "inference_precision": "float32"}
    pl.seed_everything(seed, verbose=False)
    module = Timed(**config["model"])
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(
        max_epochs=-1, accelerator="cpu", logger=False, gradient_clip_val=1.0, limit_val_batches=0, **quiet
    )
    trainer.fit(module, datamodule=SelfPlayDataModule(**config["data"]))
    spent, epochs = time.process_time() - module.began, trainer.current_epoch
    whole = SelfPlayDataModule(**config["data"])
    found = pl.Trainer(accelerator="cpu", logger=False, **quiet).validate(module, whole, verbose=False)[0]
    player = NetworkPlayer(variant, module.network, module.rules, PLAY_SIMULATIONS)
    result = play_match(player, make_player(ANCHOR, module.rules), GAMES, module.rules, seed=seed)
    return {**found, "win_rate": result.score, "minutes": spent / 60, "epochs": epochs}


def run(variant: str, seed: int, minutes: float) -> dict[str, float]:
    """The same in a process of its own, with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--one", variant, str(seed), str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{variant}, seed {seed}: {done.stderr.strip()[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    shown = ", ".join(f"{title} {found[name]:.3f}" for name, title in COLUMNS.items())
    print(f"{variant}, seed {seed}: {shown}, {found['epochs']:.0f} epochs", flush=True)
    return found


def main(minutes: str = "5", seeds: str = "3", *variants: str) -> None:
    """Runs everything; prints a table."""
    names: Sequence[str] = variants or tuple(VARIANTS)
    jobs = [(name, seed) for seed, name in itertools.product(range(int(seeds)), names)]
    with ThreadPoolExecutor(usable_threads()) as executor:
        found = list(executor.map(lambda job: run(*job, float(minutes)), jobs))
    print(f"\n| {minutes} CPU minutes, {seeds} seeds | {' | '.join(COLUMNS.values())} | epochs |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for variant in names:
        rows = [row for (name, _), row in zip(jobs, found, strict=True) if name == variant]
        cells = []
        for column in COLUMNS:
            numbers = [row[column] for row in rows]
            cells.append(f"{statistics.mean(numbers):.3f} ({min(numbers):.3f} to {max(numbers):.3f})")
        epochs = statistics.mean(row["epochs"] for row in rows)
        print(f"| {variant} | {' | '.join(cells)} | {epochs:.0f} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(train(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
    else:
        main(*sys.argv[1:])
