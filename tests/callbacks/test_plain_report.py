import os
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer, TQDMProgressBar

from callbacks.plain_report import PlainReport, manifest_metrics
from callbacks.report import Report
from pylos.arena.results import MatchResult
from pylos.runs.manifest import Manifest
from tests.support.reporting import Evaluates, Tiny, fit_and_report


def test_metrics_from_a_manifest(tmp_path):
    assert manifest_metrics(tmp_path) == {}
    settings = {"games": 10, "simulations": 8, "anchors": [], "seed": 0}
    manifest = Manifest(tmp_path, "standard", settings)
    manifest.record(0, 10, 8, [MatchResult("step-10:8", "random", (4, 0, 1), (4, 0, 1))], 1.0)
    manifest.record(0, 10, 9, [MatchResult("step-10:9", "random", (5, 0, 0), (5, 0, 0))], 1.0)
    manifest.update_ratings()
    manifest.record_failure(1, 20, 8, "no reason")
    manifest.save()
    metrics = manifest_metrics(tmp_path)
    assert metrics["eval/win_rate_vs_random"] == 0.8
    assert metrics["eval/elo_low"] < metrics["eval/elo"] < metrics["eval/elo_high"]
    assert "eval/win_rate_vs_previous" not in metrics
    (tmp_path / "manifest.json").write_text("{")
    assert manifest_metrics(tmp_path) == {}


def fit(folder: Path, epochs: int, **options) -> pl.Trainer:
    return fit_and_report(folder, epochs, PlainReport(), enable_progress_bar=False, **options)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_fit_prints_a_line_per_epoch_and_a_table(folder, capsys):
    for name, time in (("config.yaml", 3), ("config-2.yaml", 1), ("config-10.yaml", 2), ("configs.yaml", 4)):
        (folder / name).touch()
        os.utime(folder / name, (time, time))
    fit(folder, 2)
    out = capsys.readouterr().out.splitlines()
    lines = [line for line in out if line.startswith("epoch")]
    assert [line[:9] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("loss value" in line and "Elo 1234" in line for line in lines)
    table = out[out.index(lines[-1]) + 1 :]
    assert any("Elo (95 % interval)" in line and "1234" in line for line in table)
    checkpoint = os.path.join("checkpoints", "last.ckpt")
    assert any("last checkpoint" in line and checkpoint in line for line in table)
    assert f"  pylos match {checkpoint} random" in table
    assert "  pylos fit -c config-10.yaml --ckpt_path last --trainer.max_epochs 4" in table


def test_the_match_that_is_proposed_is_by_the_rules_of_the_run(folder, capsys):
    fit(folder, 1, rules="mini-mature")
    assert "last.ckpt random --rules mini-mature\n" in capsys.readouterr().out


def test_a_finished_run_prints_its_table_again(folder, capsys):
    fit(folder, 1)
    first = capsys.readouterr().out
    fit(folder, 1, ckpt_path=folder / "checkpoints" / "last.ckpt")
    again = capsys.readouterr().out
    assert first.partition("\n")[2] == again
    assert "value loss" in again
    assert "Elo" in again


class LogsSpeed(pl.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.log_dict({"time/positions_per_second": 1000.0, "selfplay/games": 10.0})


def test_the_state_is_plain_and_holds_no_times(folder):
    fit_and_report(folder, 1, PlainReport(), LogsSpeed(), enable_progress_bar=False)
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["Report"]
    assert set(state["metrics"]) == {"train/value_loss", "eval/elo"}
    assert {type(value) for value in state["metrics"].values()} == {float}


def test_a_plain_report_goes_with_another_bar_and_takes_up_the_state_of_a_live_one(folder, capsys):
    last = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    callbacks = [PlainReport(), Evaluates(), TQDMProgressBar(), last]
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, callbacks=callbacks)
    trainer.fit(Tiny())
    lines = capsys.readouterr().out.replace("\r", "\n").splitlines()
    assert (
        sum(line.startswith("epoch 1/1 | loss value ") and line.endswith("Elo 1234") for line in lines) == 1
    )
    fit_and_report(folder, 1, Report(), ckpt_path=folder / "checkpoints" / "last.ckpt")
    assert "value loss" in capsys.readouterr().out


def test_a_trial_has_no_table(folder, capsys):
    fit(folder, 1, fast_dev_run=True)
    out = capsys.readouterr().out
    assert "epoch 1/1" in out
    assert "value loss" not in out
    assert "What to run next" not in out


class LogsAnEnd(pl.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.log("eval/elo_high", 1300.0)


def test_the_ratings_of_the_table_are_those_of_the_manifest(folder, capsys):
    """Which may have been fitted anew, and may have lost an end that was logged."""
    settings = {"games": 10, "simulations": 8, "anchors": [], "seed": 0}
    manifest = Manifest(folder / "checkpoints", "standard", settings)
    manifest.record(0, 10, 8, [MatchResult("step-10:8", "random", (5, 0, 0), (5, 0, 0))], 1.0)
    manifest.update_ratings()
    manifest.save()
    entry = manifest.entries[10, 8]
    fit_and_report(folder, 1, PlainReport(), LogsAnEnd(), enable_progress_bar=False)
    line, _, table = capsys.readouterr().out.partition("\n")
    assert line.endswith("Elo 1234 (-inf, 1300]")
    assert f"{entry.elo:.0f} [{entry.elo_low:.0f}, inf)" in table


@pytest.mark.parametrize("remaining", [-1.0, 0.0, 0.5])
def test_a_fit_that_is_out_of_time_needs_another_limit_to_go_on(folder, capsys, monkeypatch, remaining):
    monkeypatch.setattr(Timer, "time_remaining", lambda *_: remaining)
    (folder / "config.yaml").touch()
    fit(folder, 1, max_time={"seconds": 1000})
    out = capsys.readouterr().out
    assert ("max_time is used up" in out) == (remaining <= 0)
    assert ("--trainer.max_time null" in out) == (remaining <= 0)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_line_that_cannot_be_printed_ends_the_fit_after_the_checkpoint(folder, monkeypatch, epochs):
    def print_nothing(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Tiny, "print", print_nothing)
    with pytest.raises(OSError, match="No space left on device: 'standard output'"):
        fit(folder, epochs)
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert (state["epoch"], state["global_step"]) == (0, 2)
