import os
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar

from callbacks import live_report
from callbacks.live_report import Report, live_text
from callbacks.report import PlainReport, epoch_line, manifest_metrics, summary_rows
from pylos.arena.results import MatchResult
from pylos.runs.manifest import Manifest
from pylos.training.fitting import phases_shown

ALL = {
    "train/loss": 2.2,
    "train/value_loss": 0.4123,
    "train/policy_loss": 1.83,
    "train/learning_rate": 9.1e-4,
    "train/gradient_norm": 0.5,
    "selfplay/games": 256,
    "selfplay/game_length": 61.2,
    "time/positions_per_second": 1234.4,
    "selfplay/first_player_score": 0.456,
    "truth/policy_accuracy": 0.712,
    "truth/policy_accuracy_opening": 0.6,
    "truth/search_accuracy": 0.861,
    "truth/uniform_accuracy": 0.507,
    "eval/elo": 1412.4,
    "eval/elo_low": 1350.0,
    "eval/elo_high": 1474.0,
    "eval/win_rate_vs_rollouts:200": 0.35,
    "eval/win_rate_vs_previous": 0.61,
    "eval/win_rate_vs_random": 0.97,
}


def test_the_line_of_an_epoch():
    assert epoch_line(3, 30, ALL) == (
        "epoch 3/30 | 256 games, 1,234 positions/s | loss value 0.412 policy 1.830 "
        "| truth policy 0.71 search 0.86 (random 0.51) | vs random 0.97 previous 0.61 | Elo 1412 [1350, 1474]"
    )


def test_the_line_of_an_epoch_where_the_rules_are_solved():
    truth = {
        "selfplay/blunder_rate": 0.1234,
        "selfplay/blunder_rate_ply_00_09": 0.5,
        "eval/score_vs_perfect_as_second": 0.1,
        "eval/score_vs_perfect_as_first": 0.02,
        "eval/turns_survived_vs_perfect": 20.5,
    }
    assert epoch_line(3, 30, ALL | truth) == (
        "epoch 3/30 | 256 games, 1,234 positions/s, blunders 0.123 | loss value 0.412 policy 1.830 "
        "| truth policy 0.71 search 0.86 (random 0.51) | vs random 0.97 previous 0.61 perfect 0.10/0.02 "
        "| Elo 1412 [1350, 1474]"
    )


def test_what_was_not_measured_is_left_out():
    assert epoch_line(3, -1, {}) == "epoch 3"
    assert epoch_line(3, None, {"train/policy_loss": 1.83}) == "epoch 3 | loss policy 1.830"
    assert epoch_line(3, 4, {"eval/elo": 1412.4}) == "epoch 3/4 | Elo 1412"
    assert summary_rows({}) == []


def test_open_ends_of_the_interval():
    assert epoch_line(3, 4, {"eval/elo": 3452.4, "eval/elo_low": 2900.2}).endswith("Elo 3452 [2900, inf)")
    assert epoch_line(3, 4, {"eval/elo": 500, "eval/elo_high": 900}).endswith("Elo 500 (-inf, 900]")


def test_the_rows_of_the_table():
    assert summary_rows(ALL) == [
        ("Elo (95 % interval)", "1412 [1350, 1474]"),
        ("win rate against random", "0.970"),
        ("win rate against the previous checkpoint", "0.610"),
        ("win rate against rollouts:200", "0.350"),
        ("policy keeps the exact value (uniformly random: 0.507)", "0.712"),
        ("search keeps the exact value (uniformly random: 0.507)", "0.861"),
        ("value loss", "0.412"),
        ("policy loss", "1.830"),
    ]


def test_live_losses():
    assert (
        live_text(
            {name: torch.tensor(x) for name, x in (("loss", 1.5), ("value_loss", 0.25), ("entropy", 1.0))}
        )
        == "loss 1.500  value loss 0.250"
    )
    assert live_text(torch.tensor(1.5)) == "loss 1.500"
    assert live_text(None) == ""


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


class Tiny(pl.LightningModule):
    """Learns nothing, quickly."""

    def __init__(self, rules: str = "standard") -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_index):
        loss = self.layer(batch).square().mean()
        self.log("train/value_loss", loss, on_step=False, on_epoch=True)
        return loss

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(4, 1), batch_size=2)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Evaluates(pl.Callback):
    """Logs at the end of the epoch, as the evaluation does."""

    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.log("eval/elo", 1234.0)


def fit(folder: Path, epochs: int, *, ckpt_path=None, rules="standard", **options) -> pl.Trainer:
    last = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    # The report comes first in the list and must run last.
    trainer = pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[Report(), Evaluates(), last],
        logger=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(Tiny(rules), ckpt_path=ckpt_path)
    return trainer


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


def test_the_state_is_plain_and_holds_no_times(folder):
    fit(folder, 1)
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["Report"]
    assert set(state["metrics"]) == {"train/value_loss", "eval/elo"}
    assert {type(value) for value in state["metrics"].values()} == {float}


def test_a_disabled_report_prints_nothing(folder, capsys):
    callback = Report()
    callback.disable()
    callback._trainer = trainer = pl.Trainer(accelerator="cpu", logger=False, callbacks=[callback])
    callback.on_train_batch_end(trainer, Tiny(), None, None, 0)
    callback.on_train_epoch_end(trainer, Tiny())
    callback.on_fit_end(trainer, Tiny())
    assert capsys.readouterr().out == ""


def test_a_plain_report_goes_with_another_bar_and_takes_up_the_state_of_a_live_one(folder, capsys):
    last = ModelCheckpoint(folder / "checkpoints", "last", enable_version_counter=False)
    callbacks = [PlainReport(), Evaluates(), TQDMProgressBar(), last]
    trainer = pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, callbacks=callbacks)
    trainer.fit(Tiny())
    lines = capsys.readouterr().out.replace("\r", "\n").splitlines()
    assert (
        sum(line.startswith("epoch 1/1 | loss value ") and line.endswith("Elo 1234") for line in lines) == 1
    )
    fit(folder, 1, ckpt_path=folder / "checkpoints" / "last.ckpt")
    assert "value loss" in capsys.readouterr().out


def test_only_our_own_bar_leaves_room_for_others(folder):
    def shown(*callbacks, **options):
        return phases_shown(pl.Trainer(accelerator="cpu", logger=False, callbacks=[*callbacks], **options))

    report = Report()
    assert shown(report)
    assert not shown(PlainReport())  # beside the one that Lightning adds
    assert not shown(PlainReport(), enable_progress_bar=False)
    report.disable()
    assert not shown(report)


def test_a_module_may_print_beside_the_report(folder, capsys):
    class Prints(Tiny):
        def on_train_start(self):
            self.print("hello")

    pl.Trainer(max_epochs=1, accelerator="cpu", logger=False, callbacks=[Report()]).fit(Prints())
    assert "hello\n" in capsys.readouterr().out


def test_the_bar_is_closed_before_the_evaluation(folder, monkeypatch):
    events = []

    class Bar:
        def __init__(self, title, total):
            assert (title, total) == ("training epoch 1", 2)

        def __enter__(self):
            events.append("open")
            return lambda done, text: events.append(done)

        def __exit__(self, *_):
            events.append("close")

    monkeypatch.setattr(live_report, "progress", Bar)
    monkeypatch.setattr(live_report, "_LIVE_SECONDS", 0.0)
    monkeypatch.setattr(Evaluates, "on_train_epoch_end", lambda *_: events.append("evaluation"))
    fit(folder, 1)
    assert events == ["open", 1, 2, "close", "evaluation"]
