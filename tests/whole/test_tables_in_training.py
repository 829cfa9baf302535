"""Training beside a table: it adds metrics, and nothing else differs."""

import shutil
import warnings
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from callbacks import BlunderRate
from pylos.runs.manifest import Manifest
from pylos.solution.blunders import blunder_metrics, count_blunders
from pylos.solution.solving import solve
from pylos.solution.tablebase import Tablebase
from tests.support.training import assert_equal, tiny_data, tiny_evaluation, tiny_module, tiny_trainer

RULES = "mini-standard"
PERFECT = {
    "eval/score_vs_perfect_as_second",
    "eval/score_vs_perfect_as_first",
    "eval/turns_survived_vs_perfect",
}


class Metrics(pl.Callback):
    """Keeps what was logged in every epoch, and counts blunders itself."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self.added = 0
        self.blunders: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer, pl_module):
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.epochs.append({name: value for name, value in metrics.items() if not name.startswith("time/")})
        buffer = trainer.datamodule.buffer
        rows = np.arange(self.added, buffer.added) % buffer.capacity
        self.added = buffer.added
        if (Path(pl_module.home) / "tables").exists():
            samples = buffer.samples
            columns = (samples.positions, samples.outcomes, samples.games, samples.plies)
            counts = count_blunders(Tablebase(RULES), *(column[rows] for column in columns))
            self.blunders.append(blunder_metrics(counts))


def train(folder: Path, home: Path, epochs: int = 2, resume: bool = False, **changes) -> Metrics:
    metrics = Metrics()
    trainer = tiny_trainer(folder, epochs, (tiny_evaluation(**changes), BlunderRate(), metrics))
    module = tiny_module(rules=RULES)
    module.home = home
    data = tiny_data(buffer_size=400)
    trainer.fit(module, datamodule=data, ckpt_path=folder / "last.ckpt" if resume else None)
    return metrics


def outcome(folder: Path) -> tuple[dict, list]:
    """What a run leaves, but for the clock."""
    manifest = Manifest.load(folder)
    entries = [{**entry.to_dict(), "time": "", "seconds": 0} for entry in manifest.entries.values()]
    checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
    del checkpoint["metrics"]  # these are what a table adds to
    for state in checkpoint["callbacks"].values():
        state.pop("dirpath", None)
        for key in [key for key in state if key.endswith("_path") or key == "best_k_models"]:
            del state[key]
    return checkpoint, [manifest.evaluation, manifest.anchor_matches, entries]


def test_a_table_adds_metrics_and_changes_nothing_else(tmp_path, solved_folder, unsolved, monkeypatch):
    without = train(tmp_path / "without", unsolved)
    monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    with_table = train(tmp_path / "with", solved_folder)
    for plain, more, blunders in zip(without.epochs, with_table.epochs, with_table.blunders, strict=True):
        added = {name: more[name] for name in more.keys() - plain.keys()}
        assert {name: more[name] for name in plain} == plain
        assert "selfplay/blunder_rate" in blunders
        assert "selfplay/blunder_rate_ply_00_09" in blunders
        rates = {name: rate for name, rate in blunders.items() if rate is not None}
        assert {n: v for n, v in added.items() if n not in PERFECT} == pytest.approx(rates)
        assert added.keys() >= PERFECT  # so weak an agent loses
        assert added["eval/score_vs_perfect_as_second"] == 0.0
        assert 5 < added["eval/turns_survived_vs_perfect"] <= 20
    first, second = outcome(tmp_path / "without"), outcome(tmp_path / "with")
    assert_equal(first[0], second[0])
    assert first[1] == second[1]
    # A run that began beside a table goes on without one.
    train(tmp_path / "moved", solved_folder, epochs=1)
    monkeypatch.setenv("PYLOS_HOME", str(unsolved))
    resumed = train(tmp_path / "moved", unsolved, resume=True)
    assert resumed.epochs == without.epochs[1:]
    third = outcome(tmp_path / "moved")
    assert_equal(first[0]["state_dict"], third[0]["state_dict"])
    assert first[1] == third[1]


def test_values_alone_give_blunders_only_and_perfect_play_can_be_switched_off(
    tmp_path, solved_folder, unsolved, monkeypatch
):
    solve(RULES)
    monkeypatch.setenv("PYLOS_HOME", str(unsolved))
    values = train(tmp_path / "values", unsolved, epochs=1)
    monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    switched_off = train(tmp_path / "off", solved_folder, epochs=1, perfect=False)
    assert values.epochs == switched_off.epochs
    assert not PERFECT & values.epochs[0].keys()
    assert "selfplay/blunder_rate" in values.epochs[0]


def test_of_a_damaged_table_it_is_warned_once(tmp_path, solved_folder, unsolved):
    shutil.copytree(solved_folder / "tables", unsolved / "tables", ignore=shutil.ignore_patterns("*.checked"))
    with open(unsolved / "tables" / f"{RULES}.distances", "r+b") as file:
        file.truncate(9000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        metrics = train(tmp_path / "run", tmp_path)
    messages = [str(w.message) for w in caught if "perfect play" in str(w.message)]
    assert len(messages) == 1
    assert f"{RULES}.distances is damaged" in messages[0]
    assert len(metrics.epochs) == 2
    assert not [name for name in metrics.epochs[1] if "perfect" in name or "blunder" in name]
