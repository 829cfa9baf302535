"""What learns faster: variants of a preset at equal CPU time, several seeds each, held against the exact solution.

    python benchmarks/learning.py [MINUTES [SEEDS [VARIANT ...]]] [--preset laptop] [--rules mature] [--from 10]

A run has one thread, so that its CPU time is its time on a core of its own, whatever else the machine does; as many
runs as there are cores go at once. The learning rate falls along a cosine over the time. Compiling does not count.

With `--from`, each seed is first trained so many minutes as the preset says, of a cosine over all minutes. Its variants
then go on from that checkpoint, all with the same buffer and the same games: so late training is compared without the
cost of the early one. They may change whatever a resume may, so no sizes of the network and no `parallel_games`. The
checkpoints stay in `--folder`, and are used again.
"""

from __future__ import annotations

import argparse
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

VARIANTS: dict[str, dict[str, Any]] = {
    "preset": {},
    "uniform": {"data.surprise_weight": 0.0},
    "puct": {"data.root": "puct"},
    "puct-32": {"data.root": "puct", "data.simulations": 32, "data.games_per_epoch": 1000},
    "gumbel-32": {"data.simulations": 32, "data.games_per_epoch": 1000},
    "no-openings": {
        "data.opening_plies": 0,
        "data.forked_games": 0.0,
        "data.temperature_moves": 15,
        "data.games_per_epoch": 900,
    },
    "width-256": {"model.width": 256},
    "half-games": {"data.games_per_epoch": 1000},
    "more-games": {"data.games_per_epoch": 3300},
    "no-forks": {"data.forked_games": 0.0, "data.games_per_epoch": 1650},
    "width-64": {"model.width": 64},
    "mix": {"data.value_mix": 0.7},
    "rate-2": {"model.learning_rate": 2e-3},
    "repetition-3": {"data.repetition_limit": 3},
    "repetition-2": {"data.repetition_limit": 2},
}
"""Changes to the preset, by name; games so many that an epoch's self-play costs about the same."""
SMALLER: dict[str, Any] = {}
"""Changes to all of them, for a test."""
ANCHOR, GAMES, PLAY_SIMULATIONS = "rollouts:400", 200, 32
COLUMNS = {
    "truth/policy_accuracy": "policy",
    "truth/search_accuracy": "search",
    "truth/value_error": "value error",
    "truth/sign_accuracy": "sign",
    "win_rate": f"against {ANCHOR}",
}


def train(options: argparse.Namespace, variant: str, seed: int) -> dict[str, float]:
    """One run in this process; what came of it. The variant "start" makes the checkpoint of a seed."""
    import lightning.pytorch as pl
    import torch

    from pylos import PylosModule, SelfPlayDataModule, play_match
    from pylos.players.naming import make_player
    from pylos.players.network_player import NetworkPlayer

    begins, ends = (
        (0.0, options.start) if variant == "start" else (options.start, options.start + options.minutes)
    )
    whole = options.start + options.minutes

    class Timed(PylosModule):
        """Its schedule goes by the time, for nobody knows how many steps there will be."""

        began = math.nan

        def _progress(self, step: int) -> float:
            spent = 0.0 if math.isnan(self.began) else time.process_time() - self.began
            return min((begins + spent / 60) / whole, 1.0)

        def on_train_batch_start(self, *arguments: Any) -> None:
            """Starts the clock, once everything is compiled and the first games are played."""
            super().on_train_batch_start(*arguments)
            if math.isnan(self.began):
                self.began = time.process_time()

        def on_train_epoch_end(self) -> None:
            """Ends the run."""
            super().on_train_epoch_end()
            self.trainer.should_stop = time.process_time() - self.began > 60 * (ends - begins)

    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    config = yaml.safe_load((Path(__file__).parents[1] / "configs" / f"{options.preset}.yaml").read_text())
    changes = {} if variant == "start" else VARIANTS[variant]
    for name, value in (changes | SMALLER).items():
        section, _, option = name.partition(".")
        config[section][option] = value
    config["data"] |= {"seed": seed}
    config["model"] |= {"rules": options.rules}
    pl.seed_everything(seed, verbose=False)
    module = Timed(**config["model"])
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = pl.Trainer(
        max_epochs=-1, accelerator="cpu", logger=False, gradient_clip_val=1.0, limit_val_batches=0, **quiet
    )
    start = checkpoint_of(options, seed)
    resumed = str(start) if options.start and variant != "start" else None
    trainer.fit(module, datamodule=SelfPlayDataModule(**config["data"]), ckpt_path=resumed)
    spent, epochs = time.process_time() - module.began, trainer.current_epoch
    if variant == "start":
        trainer.save_checkpoint(start)
    data = SelfPlayDataModule(**config["data"])
    found = pl.Trainer(accelerator="cpu", logger=False, **quiet).validate(module, data, verbose=False)[0]
    player = NetworkPlayer(variant, module.network, module.rules, PLAY_SIMULATIONS)
    result = play_match(player, make_player(ANCHOR, module.rules), GAMES, module.rules, seed=seed)
    return {**found, "win_rate": result.score, "minutes": spent / 60, "epochs": epochs}


def checkpoint_of(options: argparse.Namespace, seed: int) -> Path:
    """From where the variants of a seed go on."""
    name = f"{options.preset}-{options.rules}-{seed}-{options.start:g}-of-{options.start + options.minutes:g}.ckpt"
    return Path(options.folder) / name


def run(options: argparse.Namespace, variant: str, seed: int) -> dict[str, float]:
    """The same in a process of its own, with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--one", variant, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{variant}, seed {seed}: {done.stderr.strip()[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    shown = ", ".join(f"{title} {found[name]:.4f}" for name, title in COLUMNS.items())
    print(f"{variant}, seed {seed}: {shown}, {found['epochs']:.0f} epochs", flush=True)
    return found


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("minutes", nargs="?", type=float, default=5.0, help="CPU minutes of a run")
    parser.add_argument("seeds", nargs="?", type=int, default=3, help="runs of each variant")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=f"of {', '.join(VARIANTS)}")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--rules", default="standard")
    parser.add_argument(
        "--from", dest="start", type=float, default=0.0, help="CPU minutes before the variants part"
    )
    parser.add_argument("--folder", default=".", help="where the checkpoints lie from which they go on")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.variants if name not in VARIANTS]:
        parser.error(f"there is no variant {unknown[0]}; there are: {', '.join(VARIANTS)}")
    return options


def main(options: argparse.Namespace) -> None:
    """Runs everything; prints a table."""
    names, seeds = options.variants or list(VARIANTS), range(options.seeds)
    with ThreadPoolExecutor(usable_threads()) as executor:
        if options.start:
            missing = [seed for seed in seeds if not checkpoint_of(options, seed).exists()]
            list(executor.map(lambda seed: run(options, "start", seed), missing))
        jobs = [(name, seed) for seed, name in itertools.product(seeds, names)]
        found = list(executor.map(lambda job: run(options, *job), jobs))
    what = f"{options.rules}, {options.preset}, {options.minutes:g} CPU minutes after {options.start:g}"
    print(f"\n| {what}, {options.seeds} seeds | {' | '.join(COLUMNS.values())} | epochs |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for variant in names:
        rows = [row for (name, _), row in zip(jobs, found, strict=True) if name == variant]
        cells = []
        for column in COLUMNS:
            numbers = [row[column] for row in rows]
            cells.append(f"{statistics.mean(numbers):.3f} ({', '.join(f'{n:.3f}' for n in numbers)})")
        epochs = statistics.mean(row["epochs"] for row in rows)
        print(f"| {variant} | {' | '.join(cells)} | {epochs:.0f} |")


if __name__ == "__main__":
    chosen = read_options(sys.argv[1:])
    if chosen.one:
        print(json.dumps(train(chosen, chosen.one[0], int(chosen.one[1]))))
    else:
        main(chosen)
