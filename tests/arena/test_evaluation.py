from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

import callbacks.evaluation
import pylos.runs.backfill
from pylos.arena.evaluation import anchor_pairings
from pylos.arena.results import MatchResult
from pylos.arena.settings import EvaluationSettings
from pylos.errors import CheckpointError, ConfigurationError, PlayerError
from pylos.runs.backfill import evaluate_run
from pylos.runs.folder import locked
from pylos.runs.manifest import Manifest
from pylos.runs.manifest_format import EVALUATED, FAILED
from tests.support.training import STEPS_PER_EPOCH, tiny_data, tiny_evaluation, tiny_module, tiny_trainer


class Metrics(pl.Callback):
    """Keeps what was logged at the end of every epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer, pl_module):
        self.epochs.append(
            {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("eval/")}
        )


def train(
    folder: Path, max_epochs: int = 2, fast_dev_run: bool = False, **changes
) -> tuple[pl.Trainer, Metrics]:
    metrics = Metrics()
    best = ModelCheckpoint(folder, monitor="eval/elo", mode="max", save_top_k=2, filename="best-{epoch}")
    callbacks = (tiny_evaluation(**changes), metrics, best)
    trainer = tiny_trainer(folder, max_epochs, callbacks=callbacks, fast_dev_run=fast_dev_run)
    trainer.fit(tiny_module(), datamodule=tiny_data())
    return trainer, metrics


def test_metrics_reach_checkpoints_of_the_same_epoch_and_the_manifest(tmp_path: Path):
    trainer, metrics = train(tmp_path)
    first, second = metrics.epochs
    assert "eval/win_rate_vs_previous" not in first
    assert 0 <= second["eval/win_rate_vs_previous"] <= 1
    assert 0 <= second["eval/win_rate_vs_rollouts:4"] <= 1
    # An open end is not logged.
    assert second.get("eval/elo_low", -1e9) < second["eval/elo"] < second.get("eval/elo_high", 1e9)
    best = next(c for c in trainer.checkpoint_callbacks if c.monitor)
    assert {float(score) for score in best.best_k_models.values()} == {first["eval/elo"], second["eval/elo"]}
    manifest = Manifest.load(tmp_path)
    assert list(manifest.entries) == [(STEPS_PER_EPOCH, 4), (2 * STEPS_PER_EPOCH, 4)]
    entry = manifest.entries[2 * STEPS_PER_EPOCH, 4]
    assert entry.status == EVALUATED
    assert entry.epoch == 1
    assert entry.games == 3 * 4
    assert entry.win_rate_vs_random == pytest.approx(second["eval/win_rate_vs_random"])
    assert entry.elo == pytest.approx(second["eval/elo"])
    assert entry.file == "best-epoch=1.ckpt"
    assert manifest.rules == "standard"


def test_only_every_nth_epoch_is_evaluated(tmp_path: Path):
    _, metrics = train(tmp_path, max_epochs=2, every_n_epochs=2)
    assert not metrics.epochs[0]
    assert metrics.epochs[1]
    assert list(Manifest.load(tmp_path).entries) == [(2 * STEPS_PER_EPOCH, 4)]


def test_weights_that_were_not_evaluated_are_not_saved_as_the_best(tmp_path: Path):
    train(tmp_path, max_epochs=5, every_n_epochs=2)
    assert sorted(path.name for path in tmp_path.glob("best*")) == ["best-epoch=1.ckpt", "best-epoch=3.ckpt"]


def test_a_run_of_other_rules_is_not_gone_on_with(tmp_path: Path):
    train(tmp_path, max_epochs=1)
    trainer = tiny_trainer(tmp_path, 2, callbacks=(tiny_evaluation(),))
    with pytest.raises(CheckpointError, match="'standard' rules, not for 'mature'"):
        trainer.fit(tiny_module(rules="mature"), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")


def test_a_manifest_of_other_rules_is_not_gone_on_with(tmp_path: Path):
    train(tmp_path, max_epochs=1)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"rules": "standard"', '"rules": "mature"'))
    trainer = tiny_trainer(tmp_path, 2, callbacks=(tiny_evaluation(),))
    with pytest.raises(ConfigurationError, match="'mature' rules, not of 'standard'"):
        trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")


def test_an_anchor_that_does_not_play_these_rules_is_refused_at_the_start(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, 1, callbacks=(tiny_evaluation(anchors=("reference",)),))
    with pytest.raises(PlayerError, match="no reference agent ships for the mini-standard rules"):
        trainer.fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())
    assert not trainer.global_step


def test_failed_evaluation_is_recorded_and_training_goes_on(tmp_path: Path, monkeypatch):
    play = callbacks.evaluation.evaluate_agent

    def fail_once(settings, agent, *rest, **options):
        if agent.name == f"step-{STEPS_PER_EPOCH}:4":
            raise OSError("the disk is on fire")
        return play(settings, agent, *rest, **options)

    monkeypatch.setattr(callbacks.evaluation, "evaluate_agent", fail_once)
    with pytest.warns(UserWarning, match="evaluation after epoch 0 failed: OSError: the disk is on fire"):
        trainer, metrics = train(tmp_path)
    assert trainer.global_step == 2 * STEPS_PER_EPOCH
    assert not metrics.epochs[0]
    assert metrics.epochs[1]["eval/elo"]
    first, second = Manifest.load(tmp_path).entries.values()
    assert (first.status, first.reason) == (FAILED, "OSError: the disk is on fire")
    assert second.status == EVALUATED


def test_resumed_run_plays_its_former_self_and_keeps_the_manifest(tmp_path: Path):
    train(tmp_path / "straight", max_epochs=3)
    train(tmp_path / "halted", max_epochs=2)
    metrics = Metrics()
    best = ModelCheckpoint(
        tmp_path / "halted", monitor="eval/elo", mode="max", save_top_k=2, filename="best-{epoch}"
    )
    trainer = tiny_trainer(tmp_path / "halted", 3, callbacks=(tiny_evaluation(), metrics, best))
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "halted" / "last.ckpt")
    assert len(metrics.epochs) == 1
    assert "eval/win_rate_vs_previous" in metrics.epochs[0]

    def matches(folder: str):
        return {s: [str(m) for m in e.matches] for s, e in Manifest.load(tmp_path / folder).entries.items()}

    assert matches("halted") == matches("straight")


def test_a_run_killed_after_its_last_checkpoint_completes_the_manifest(tmp_path: Path):
    train(tmp_path, max_epochs=2)
    path = tmp_path / "manifest.json"
    whole = path.read_bytes()
    values = json.loads(whole)
    for entry in values["entries"]:
        entry["file"] = None  # they are noted after the checkpoints are written
    path.write_text(json.dumps(values))
    trainer = tiny_trainer(tmp_path, 2, callbacks=(tiny_evaluation(),))
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")
    assert trainer.global_step == 2 * STEPS_PER_EPOCH
    assert path.read_bytes() == whole


def test_a_trial_beside_a_run_changes_nothing(tmp_path: Path):
    train(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    train(tmp_path, fast_dev_run=True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_fresh_training_into_the_folder_of_another_run_is_refused(tmp_path: Path):
    train(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(ConfigurationError, match="another run"):
        train(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_evaluate_run_fills_in_what_is_missing_and_then_does_nothing(tmp_path: Path):
    train(tmp_path, max_epochs=2)
    path = tmp_path / "manifest.json"
    values = json.loads(path.read_text())
    values["entries"] = [{**values["entries"][0], "status": FAILED, "reason": "x", "matches": [], "games": 0}]
    path.write_text(json.dumps(values))
    lines: list[str] = []
    manifest = evaluate_run(tmp_path, report=lines.append)
    assert [e.status for e in manifest.entries.values()] == [EVALUATED, EVALUATED]
    assert len(lines) == 2
    last = manifest.entries[2 * STEPS_PER_EPOCH, 4]
    assert [m.opponent for m in last.matches] == ["random", "rollouts:4", f"step-{STEPS_PER_EPOCH}:4"]
    assert last.games == 12  # the settings of the run, not the defaults
    written = path.read_bytes()
    evaluate_run(tmp_path, report=lines.append)
    assert path.read_bytes() == written
    assert len(lines) == 2


def test_an_interrupted_backfill_goes_on_where_it_was(tmp_path: Path, monkeypatch):
    train(tmp_path, max_epochs=3)
    path = tmp_path / "manifest.json"
    path.unlink()
    whole = [(e.status, e.elo, e.matches) for e in evaluate_run(tmp_path, 4, 4, print).entries.values()]
    path.unlink()
    play, calls = pylos.runs.backfill.evaluate_agent, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return play(*arguments)

    monkeypatch.setattr(pylos.runs.backfill, "evaluate_agent", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_run(tmp_path, 4, 4, print)
    assert [e.status for e in Manifest.load(tmp_path).entries.values()] == [EVALUATED]
    again = evaluate_run(tmp_path, 4, 4, print)
    assert len(calls) == 2 + len(whole) - 1
    assert [(e.status, e.elo, e.matches) for e in again.entries.values()] == whole


def test_a_resume_before_the_first_evaluation_takes_it_out_of_the_file(tmp_path: Path):
    """A kill between the evaluation and the checkpoint leaves an entry of weights that do not exist."""
    trainer = tiny_trainer(tmp_path, 1)
    trainer.fit(tiny_module(), datamodule=tiny_data())
    manifest = Manifest(tmp_path, "standard")
    manifest.record_failure(1, 2 * STEPS_PER_EPOCH, 4, "whatever it found")
    manifest.save()
    trainer = tiny_trainer(tmp_path, 2, callbacks=(tiny_evaluation(every_n_epochs=9),))
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")
    assert not Manifest.load(tmp_path).entries


def test_a_run_in_training_is_not_evaluated_beside_it(tmp_path: Path):
    train(tmp_path, max_epochs=1)
    script = "import sys; from pylos.runs.backfill import evaluate_run; evaluate_run(sys.argv[1])"
    with locked(tmp_path):
        result = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True)
    assert "another process is at work" in result.stderr


def test_backfilled_games_are_those_that_the_callback_plays(tmp_path: Path):
    train(tmp_path, max_epochs=2)
    played = Manifest.load(tmp_path)
    (tmp_path / "manifest.json").unlink()
    settings = EvaluationSettings(games=4, simulations=4, anchors=("rollouts:4",)).to_dict()
    empty = Manifest(tmp_path, evaluation=settings)
    empty.save()
    again = evaluate_run(tmp_path, report=lambda line: None)
    assert [e.matches for e in again.entries.values()] == [e.matches for e in played.entries.values()]
    assert again.anchor_matches == played.anchor_matches
    assert [(m.player, m.opponent, m.games) for m in played.anchor_matches] == [("rollouts:4", "random", 16)]


def test_test_stage_plays_matches(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, callbacks=(tiny_evaluation(),))
    metrics = trainer.test(tiny_module(), datamodule=tiny_data(), verbose=False)[0]
    assert 0 <= metrics["test/win_rate_vs_random"] <= 1
    assert 0 <= metrics["test/win_rate_vs_rollouts:4"] <= 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"games": 3}, ConfigurationError),
        ({"games": 0}, ConfigurationError),
        ({"simulations": -1}, ConfigurationError),
        ({"simulations": 30_001}, ConfigurationError),
        ({"every_n_epochs": 0}, ConfigurationError),
        ({"anchors": ("stockfish",)}, PlayerError),
        ({"anchors": ("random",)}, ConfigurationError),
        ({"anchors": ("rollouts:2", "rollouts:2")}, ConfigurationError),
        ({"anchors": ("rollouts:2", "rollouts:002")}, ConfigurationError),
        ({"anchors": ("perfect", "perfect:0")}, ConfigurationError),
        ({"anchors": "rollouts:2"}, ConfigurationError),
        ({"anchors": (3,)}, ConfigurationError),
        ({"anchors": ("\udcff.ckpt",)}, ConfigurationError),
        *(
            ({name: value}, ConfigurationError)
            for name in ("games", "simulations", "seed", "every_n_epochs")
            for value in (True, 4.5, "4", np.float64(4), 10**400)
        ),
    ],
    ids=itertools.count(),
)
def test_bad_settings_are_refused_in_one_line(changes, error):
    with pytest.raises(error) as caught:
        tiny_evaluation(**changes)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_and_torch_are_numbers(tmp_path: Path):
    plain = train(tmp_path / "plain", max_epochs=1, seed=1)
    numbers = {
        "games": np.int64(4),
        "simulations": torch.tensor(4),
        "seed": np.uint8(1),
        "every_n_epochs": np.int32(1),
    }
    train(tmp_path / "numbers", max_epochs=1, **numbers)
    matches = [
        [e.matches for e in Manifest.load(tmp_path / name).entries.values()] for name in ("plain", "numbers")
    ]
    assert matches[0] == matches[1] != []
    assert type(plain[0].callbacks[0].settings.games) is int


def test_the_same_weights_with_other_simulations_are_rated_apart(tmp_path: Path):
    train(tmp_path, max_epochs=2)
    before = Manifest.load(tmp_path)
    manifest = evaluate_run(tmp_path, simulations=0, report=lambda line: None)
    steps = (STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH)
    assert list(manifest.entries) == [(step, n) for step in steps for n in (0, 4)]
    for agent, entry in before.entries.items():
        assert manifest.entries[agent].matches == entry.matches
    bare = manifest.entries[steps[1], 0]
    assert [m.opponent for m in bare.matches] == ["random", "rollouts:4", f"step-{steps[0]}:0"]
    assert manifest.evaluation == before.evaluation
    assert manifest.anchor_matches == before.anchor_matches
    assert manifest.latest().agent == (steps[1], 4)


def test_a_resume_with_other_settings_mixes_nothing(tmp_path: Path):
    train(tmp_path, max_epochs=1)
    before = Manifest.load(tmp_path)
    changes = {"simulations": 2, "anchors": ("rollouts:2", "rollouts:4")}
    trainer = tiny_trainer(tmp_path, 2, callbacks=(tiny_evaluation(**changes),))
    with pytest.warns(
        UserWarning, match="so far were with 4 simulations per decision, from now on they are with 2"
    ):
        trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")
    manifest = Manifest.load(tmp_path)
    steps = (STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH)
    assert list(manifest.entries) == [(steps[0], 4), (steps[1], 2)]
    assert manifest.entries[steps[0], 4].matches == before.entries[steps[0], 4].matches
    new = manifest.entries[steps[1], 2]
    assert [m.opponent for m in new.matches] == ["random", "rollouts:2", "rollouts:4", f"step-{steps[0]}:2"]
    # The anchors' matches of the earlier evaluation still tie it to the scale; only what was missing was played.
    pairs = [(m.player, m.opponent) for m in manifest.anchor_matches]
    assert pairs == [("rollouts:4", "random"), ("rollouts:2", "random"), ("rollouts:4", "rollouts:2")]


def test_a_checkpoint_as_anchor_is_known_by_its_weights(tmp_path: Path, monkeypatch):
    """However its path is written; the names of metrics are no paths."""
    train(tmp_path / "old", max_epochs=1)
    shutil.copy(tmp_path / "old" / "last.ckpt", tmp_path / "x.ckpt")
    monkeypatch.chdir(tmp_path)
    names = set()
    for i, anchor in enumerate(("x.ckpt:4", "./old/../x.ckpt:04")):
        _, metrics = train(tmp_path / f"new-{i}", max_epochs=1, anchors=(anchor,))
        assert "eval/win_rate_vs_x.ckpt:4" in metrics.epochs[0]
        names.add(Manifest.load(tmp_path / f"new-{i}").anchor_matches[0].player)
    [name] = names
    assert re.fullmatch(r"x-[0-9a-f]{8}:4", name)
    with pytest.raises(ConfigurationError, match="met once each"):
        EvaluationSettings(anchors=("x.ckpt", "./x.ckpt:64"))
    assert EvaluationSettings(anchors=("old/last.ckpt:4",)).labels == ["random", "old-last.ckpt:4"]
    other = torch.load("x.ckpt", weights_only=True)
    other["state_dict"][next(iter(other["state_dict"]))].add_(1)
    torch.save(other, "x.ckpt")
    assert EvaluationSettings(anchors=("x.ckpt:4",)).fixed_opponents("standard")[1].name != name


def test_anchors_that_have_met_do_not_meet_again():
    fixed = ["random", "rollouts:20", "rollouts:200"]
    assert anchor_pairings(fixed, []) == [("rollouts:20", "random"), ("rollouts:200", "rollouts:20")]
    known = [MatchResult("random", "rollouts:20", (1, 0, 0), (0, 0, 1))]
    assert anchor_pairings(fixed, known) == [("rollouts:200", "rollouts:20")]


def test_settings_that_no_evaluation_has_are_named_with_their_file(tmp_path: Path):
    train(tmp_path, max_epochs=1)
    path = tmp_path / "manifest.json"
    path.write_text(
        path.read_text().replace('"games": 4,\n    "simulations"', '"games": 3,\n    "simulations"')
    )
    with pytest.raises(
        CheckpointError, match=r"settings in .*manifest.json: an evaluation has an even number"
    ):
        evaluate_run(tmp_path)
