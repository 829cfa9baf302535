"""Validation on the suite: during fit, by itself, and by the command."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

import pylos.training.measured_data
from pylos.cli.main import main
from pylos.errors import ConfigurationError
from pylos.runs.metrics_file import read_metrics
from pylos.training.losses import outcome_targets
from pylos.truth.batches import SuiteBatches
from pylos.truth.metrics import BASELINE
from pylos.truth.suite import load_suite
from tests.support.training import assert_equal, config_text, tiny_data, tiny_module, tiny_trainer

MINI = config_text(max_epochs=2, games=4, evaluation_games=4, simulations=2, batches_per_epoch=4).replace(
    "model: {", "model: {rules: mini-standard, "
)
LAST = "logs/run/checkpoints/last.ckpt"


class Watch(pl.Callback):
    """Notes what is known of the truth at the end of every epoch, and how often it was measured."""

    def __init__(self) -> None:
        self.validations = 0
        self.sanity_steps = 0
        self.epochs: list[dict[str, float]] = []

    def on_validation_start(self, trainer, pl_module):
        assert not pl_module.network.training
        self.validations += not trainer.sanity_checking

    def on_validation_batch_end(self, trainer, *arguments):
        self.sanity_steps += trainer.sanity_checking

    def on_train_epoch_end(self, trainer, pl_module):
        assert pl_module.network.training
        truth = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("truth/")}
        self.epochs.append(truth)


class Perfect(torch.nn.Module):
    """A network that has learned the suite by heart."""

    def __init__(self, batches: SuiteBatches) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self._known = {}
        for batch in batches:  # where an action leads may be a position of the suite itself
            nothing = torch.zeros(batch.legal.shape[1])
            for row, value in zip(batch.observations, batch.outcomes, strict=True):
                self._known.setdefault(row.numpy().tobytes(), [value, nothing])
            for row, keeping in zip(batch.observations, batch.keeping, strict=False):
                self._known[row.numpy().tobytes()][1] = keeping.float()

    def forward(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answers = [self._known[row.numpy().tobytes()] for row in observations]
        values = torch.stack([value for value, _ in answers])[:, None]
        return 100 * outcome_targets(values), torch.stack([policy for _, policy in answers])


def fit(
    folder: Path, *callbacks: pl.Callback, epochs: int = 2, resume: bool = False, **options
) -> pl.Trainer:
    trainer = tiny_trainer(folder, epochs, callbacks=callbacks, **options)
    start = folder / "last.ckpt" if resume else None
    trainer.fit(tiny_module(rules="mini-standard"), datamodule=tiny_data(), ckpt_path=start)
    return trainer


def test_every_epoch_of_a_fit_is_measured(tmp_path: Path):
    watch = Watch()
    best = ModelCheckpoint(tmp_path / "best", monitor="truth/search_accuracy", mode="max", filename="best")
    trainer = fit(tmp_path, watch, best)
    assert watch.validations == 2
    assert [len(truth) for truth in watch.epochs] == [len(watch.epochs[0])] * 2
    assert watch.epochs[0] != watch.epochs[1]
    assert watch.epochs[0]["truth/uniform_accuracy"] == watch.epochs[1]["truth/uniform_accuracy"]
    assert float(best.best_model_score) == max(truth["truth/search_accuracy"] for truth in watch.epochs)
    assert trainer.lightning_module.truth.positions[-1] == 50
    assert trainer.lightning_module.truth.metrics() == pytest.approx(watch.epochs[-1])


@pytest.mark.parametrize("steps", [0, 2])
def test_the_trainer_says_how_many_batches_are_tried_before_the_first_epoch(tmp_path: Path, steps: int):
    watch = Watch()
    trainer = tiny_trainer(tmp_path, 1, callbacks=(watch,), num_sanity_val_steps=steps)
    trainer.fit(tiny_module(validation_simulations=0), datamodule=tiny_data(validation_positions=600))
    assert watch.sanity_steps == steps
    assert watch.validations == 1


def test_training_does_not_notice_that_it_is_measured(tmp_path: Path):
    fit(tmp_path / "measured")
    fit(tmp_path / "alone", limit_val_batches=0)
    measured, alone = (
        torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("measured", "alone")
    )
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "SelfPlayDataModule", "global_step"):
        assert_equal(measured[part], alone[part], part)


def test_a_resumed_fit_measures_the_same(tmp_path: Path):
    straight, halted = Watch(), Watch()
    fit(tmp_path / "straight", straight, epochs=4)
    fit(tmp_path / "halted", halted)
    fit(tmp_path / "halted", halted, epochs=4, resume=True)
    assert straight.epochs == halted.epochs
    assert straight.validations == halted.validations == 4


def test_rare_validation_leaves_a_checkpoint_of_every_epoch(tmp_path: Path):
    watch = Watch()
    fit(tmp_path, watch, epochs=3, check_val_every_n_epoch=2)
    assert [bool(truth) for truth in watch.epochs] == [False, True, False]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 2


def test_validate_takes_the_whole_suite(tmp_path: Path):
    suite = load_suite("mini-standard")
    assert suite is not None
    module = tiny_module(rules="mini-standard")
    first = tiny_trainer(tmp_path).validate(module, datamodule=tiny_data(), verbose=False)[0]
    again = tiny_trainer(tmp_path).validate(module, datamodule=tiny_data(), verbose=False)[0]
    assert first == again
    assert module.truth is not None
    assert module.truth.positions[-1] == len(suite)
    assert module.truth.simulations == 4
    assert 0 < first["truth/search_accuracy"] < 1


def test_who_knows_the_truth_has_no_error(tmp_path: Path):
    suite = load_suite("mini-standard")
    assert suite is not None
    module = tiny_module(rules="mini-standard", validation_simulations=0)
    module.network = Perfect(SuiteBatches(suite, torch.arange(len(suite)).numpy()))
    found = tiny_trainer(tmp_path).validate(module, datamodule=tiny_data(), verbose=False)[0]
    assert found["truth/policy_accuracy"] == found["truth/sign_accuracy"] == 1.0
    assert found["truth/value_error"] == found["truth/calibration_error"] == 0.0
    assert "truth/search_accuracy" not in found


def test_rules_without_a_suite(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pylos.training.measured_data, "load_suite", lambda rules: None)
    watch = Watch()
    fit(tmp_path, watch)
    assert watch.epochs == [{}, {}]
    with pytest.raises(ConfigurationError, match="mini-standard rules"):
        tiny_trainer(tmp_path).validate(tiny_module(rules="mini-standard"), datamodule=tiny_data())


def test_the_command_reports_the_truth(tmp_path: Path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main() replaces it
    Path("mini.yaml").write_text(MINI)
    assert main(["fit", "-c", "mini.yaml"]) == 0
    out = capfd.readouterr().out.splitlines()
    assert all(
        re.search(r"\| truth policy 0\.\d\d search [01]\.\d\d \(random 0\.\d\d\) \|", line)
        for line in out[:2]
    )
    assert any("policy keeps the exact value (uniformly random: 0." in line for line in out)
    rows = read_metrics(Path("logs/run/metrics.csv"))
    assert len(rows) == 2
    assert all({"truth/search_accuracy", "train/loss", "eval/elo"} <= row.keys() for row in rows)

    left = {path: path.read_bytes() for path in Path("logs").rglob("*") if path.is_file()}
    for command in ("validate", "test", "predict"):
        assert main([command, "-c", "mini.yaml", "--ckpt_path", "last"]) == 0
    assert {path: path.read_bytes() for path in Path("logs").rglob("*") if path.is_file()} == left
    elsewhere = ["-c", "mini.yaml", "--trainer.logger.init_args.version", "other", "--ckpt_path", LAST]
    assert main(["validate", *elsewhere]) == 0
    assert not Path("logs/other").exists()  # or a fit would take it for a run
    capfd.readouterr()

    assert main(["validate", "--ckpt_path", LAST]) == 0
    table = capfd.readouterr().out
    assert re.search(r"positions +uniform +policy +search \(4\)\n", table)
    assert re.search(r"\nall +1,\d\d\d( +[01]\.\d\d\d){3}\n", table)
    assert BASELINE in table
    assert "value error" in table
    assert "DataLoader" not in table  # Lightning's own table

    command = [str(Path(sys.executable).with_name("pylos")), "validate", "--ckpt_path", LAST]
    command += ["--trainer.accelerator", "cpu", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    shared = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert shared.stdout == table, shared.stderr

    monkeypatch.setattr(pylos.training.measured_data, "load_suite", lambda rules: None)
    assert main(["validate", "--ckpt_path", LAST]) == 2
    error = "pylos: error: no suite of solved positions ships for the mini-standard rules\n"
    assert capfd.readouterr().err == error
