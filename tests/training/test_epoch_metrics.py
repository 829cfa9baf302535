"""Who sees which metric when: loggers what is new, callbacks that watch the newest, and users theirs as ever."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from callbacks import BlunderRate
from pylos.errors import CheckpointError
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.logger import RunLogger
from pylos.runs.manifest import Manifest
from pylos.runs.metrics_file import read_metrics
from pylos.training.epoch_metrics import EpochMetrics
from pylos.training.module import PylosModule
from tests.support.reporting import Sink
from tests.support.training import STEPS_PER_EPOCH, tiny_data, tiny_evaluation, tiny_module, tiny_trainer


class Mine(pl.Callback):
    """A user's callback, which logs in its own ways."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        pl_module.log("my/steps", float(batch_idx), on_step=True, on_epoch=False)
        pl_module.log("my/secret", 1.0, logger=False)
        pl_module.log("train/mine", float(batch_idx), on_step=False, on_epoch=True)

    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.log("eval/mine", float(trainer.current_epoch))


class MyModule(PylosModule):
    """A user's subclass, which logs both ways in its training step."""

    def training_step(self, batch, batch_index):
        losses = super().training_step(batch, batch_index)
        self.log("my/both", losses["loss"], on_step=True, on_epoch=True)
        return losses


def fit(folder: Path, epochs: int, *callbacks: pl.Callback, resume: bool = False, **options) -> pl.Trainer:
    trainer = tiny_trainer(folder, epochs, callbacks, **options)
    start = folder / "last.ckpt" if resume else None
    trainer.fit(tiny_module(rules="mini-standard"), datamodule=tiny_data(), ckpt_path=start)
    return trainer


def test_what_users_log_is_logged_once_and_as_they_say(tmp_path: Path):
    sink = Sink()
    module = MyModule(width=16, blocks=1, validation_simulations=0)
    trainer = tiny_trainer(tmp_path, 2, (Mine(),), logger=sink, log_every_n_steps=2)
    trainer.fit(module, datamodule=tiny_data())
    assert sink.values("my/secret") == []
    assert [value for _, value in sink.values("eval/mine")] == [0.0, 1.0]
    assert [value for _, value in sink.values("train/mine")] == [1.5, 1.5]
    assert [value for _, value in sink.values("my/steps")] == [1.0, 3.0] * 2
    assert len(sink.values("my/both_epoch")) == 2
    assert len(sink.values("my/both_step")) == 4
    assert [step for step, _ in sink.values("train/loss")] == [STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH]
    assert sink.values("loss") == []  # that of Lightning's bars


def test_metrics_csv_has_a_row_for_every_epoch_whatever_users_log_in_it(tmp_path: Path):
    logger = RunLogger(str(tmp_path), version="run")
    trainer = tiny_trainer(tmp_path, 2, (Mine(), tiny_evaluation()), logger=logger, log_every_n_steps=100)
    trainer.fit(tiny_module(), datamodule=tiny_data())
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    assert [(row["step"], row["epoch"]) for row in rows] == [("4", "0"), ("8", "1")]
    assert [row["eval/mine"] for row in rows] == ["0", "1"]
    assert all({"train/loss", "train/mine", "eval/elo"} <= row.keys() for row in rows)
    assert not any("my/secret" in row for row in rows)


def test_an_old_value_is_seen_by_who_watches_but_neither_logged_nor_saved_again(tmp_path: Path, monkeypatch):
    seen: list[float | None] = []

    class Watch(EarlyStopping):
        def _evaluate_stopping_criteria(self, current):
            seen.append(float(current))
            return False, None

    class Saves(ModelCheckpoint):
        def _save_checkpoint(self, trainer, filepath):
            saved.append(trainer.current_epoch)
            super()._save_checkpoint(trainer, filepath)

    saved: list[int] = []
    sink = Sink()

    def start(epochs: int, resume: bool) -> pl.Trainer:
        watch = Watch("eval/elo", mode="max", patience=100)
        best = Saves(tmp_path / "best", monitor="eval/elo", save_top_k=-1, enable_version_counter=False)
        callbacks = watch, tiny_evaluation(every_n_epochs=2), best
        return fit(tmp_path, epochs, *callbacks, resume=resume, logger=sink)

    start(2, resume=False)
    state = load_checkpoint(tmp_path / "last.ckpt")
    assert state["metrics"]["newest"]["eval/elo"] == seen[0]
    names = [name for part in state["metrics"].values() for name in part]
    assert not any(name.startswith("time/") for name in names)  # runs would not be the same
    trainer = start(5, resume=True)
    elo = [value for _, value in sink.values("eval/elo")]
    assert [step for step, _ in sink.values("eval/elo")] == [2 * STEPS_PER_EPOCH, 4 * STEPS_PER_EPOCH]
    assert seen == [elo[0], elo[0], elo[1], elo[1]]  # epochs 1, then 2 after the resume, 3, 4
    assert saved == [1, 3]
    assert float(trainer.callback_metrics["eval/elo"]) == elo[1]
    assert len(sink.values("truth/search_accuracy")) == 5


def test_a_watched_name_that_no_evaluation_has_is_a_mistake_from_the_first_evaluation_on(tmp_path: Path):
    watch = EarlyStopping("eval/eloo", mode="max")
    with pytest.raises(RuntimeError, match="eval/eloo"):
        fit(tmp_path, 4, watch, tiny_evaluation(every_n_epochs=2))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0


def test_who_watches_what_has_no_value_waits_and_sees_no_older_one(tmp_path: Path, monkeypatch):
    """The first evaluation has no previous agent; the second one leaves an end of the interval open."""
    seen: dict[str, list[tuple[int, float]]] = {"eval/win_rate_vs_previous": [], "eval/elo_high": []}

    class Watch(EarlyStopping):
        def _run_early_stopping_check(self, trainer):
            if (value := trainer.callback_metrics.get(self.monitor)) is not None:
                seen[self.monitor].append((trainer.current_epoch, float(value)))
            super()._run_early_stopping_check(trainer)

    ends = iter([1500.0, None, 1400.0])

    def update_ratings(manifest: Manifest) -> None:
        agent, entry = list(manifest.entries.items())[-1]
        manifest.entries[agent] = dataclasses.replace(entry, elo=1000.0, elo_high=next(ends))

    monkeypatch.setattr(Manifest, "update_ratings", update_ratings)
    watches = [Watch(name, mode="max", patience=100) for name in seen]
    sink = Sink()
    fit(tmp_path, 5, *watches, tiny_evaluation(every_n_epochs=2, games=2), logger=sink)
    assert seen["eval/elo_high"] == [(1, 1500.0), (2, 1500.0)]
    assert [epoch for epoch, _ in seen["eval/win_rate_vs_previous"]] == [3, 4]
    assert [value for _, value in sink.values("eval/elo_high")] == [1500.0]


@pytest.mark.parametrize(
    "flaw",
    [
        {"newest": None},
        {"newest": []},
        {"newest": {"a": "b"}},
        {"epoch": {3: 1.0}},
        {"sums": {"a": 1.0}},
        {"sums": {"a": {"total": 1.0, "count": 0}}},
    ],
)
def test_metrics_that_make_no_sense_are_refused(flaw):
    state = {"newest": {"a": 1.0}, "epoch": {}, "sums": {"a": {"total": 1.0, "count": 1}}}
    EpochMetrics().load_state_dict(state)
    for broken in ({**state, **flaw}, flaw, None):
        with pytest.raises(CheckpointError, match="the checkpoint's metrics"):
            EpochMetrics().load_state_dict(broken)


def test_no_metric_is_the_folder_of_another(tmp_path: Path, solved):
    """MLflow keeps a file for each metric, in folders by its name."""
    sink = Sink()
    fit(tmp_path, 2, tiny_evaluation(), BlunderRate(), logger=sink)
    names = {name for _, metrics in sink.calls for name in metrics}
    assert {
        "eval/score_vs_perfect_as_first",
        "selfplay/blunder_rate",
        "selfplay/blunder_rate_ply_00_09",
    } < names
    assert {
        "truth/policy_accuracy",
        "truth/policy_accuracy_opening",
        "train/loss",
        "time/network_share",
    } < names
    assert not [(a, b) for a in names for b in names if b.startswith(f"{a}/")]


def test_lightnings_own_bars_show_loss_elo_and_truth(tmp_path: Path):
    shown: dict[str, float] = {}

    class Bar(pl.callbacks.TQDMProgressBar):
        def on_train_end(self, trainer, pl_module):
            shown.update(self.get_metrics(trainer, pl_module))
            super().on_train_end(trainer, pl_module)

    fit(tmp_path, 1, Bar(), tiny_evaluation(), enable_progress_bar=True)
    assert {"loss", "eval/elo", "truth/policy_accuracy", "truth/search_accuracy"} <= shown.keys()


def test_another_logger_gets_the_same(tmp_path: Path):
    fit(tmp_path, 2, tiny_evaluation(), logger=CSVLogger(tmp_path, version="csv"))
    text = (tmp_path / "lightning_logs" / "csv" / "metrics.csv").read_text().splitlines()
    assert len(text) == 3
    assert "eval/elo" in text[0]


@pytest.mark.parametrize("mid_epoch", [True, False])
def test_what_the_first_part_of_an_epoch_logged_is_seen_in_the_second(mid_epoch: bool):
    metrics = EpochMetrics()
    metrics.load_state_dict({"newest": {"a": 1.0}, "epoch": {"b": 2.0}, "sums": {}})
    fit_loop = SimpleNamespace(restarted_mid_epoch=mid_epoch)
    trainer: Any = SimpleNamespace(callback_metrics={}, fit_loop=fit_loop)
    metrics.resume(trainer)
    assert trainer.callback_metrics == ({"b": torch.tensor(2.0)} if mid_epoch else {})
