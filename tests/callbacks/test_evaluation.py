from __future__ import annotations

import itertools
import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

import callbacks.evaluation
from pylos.errors import CheckpointError, ConfigurationError, PlayerError
from pylos.runs.manifest import Manifest
from pylos.runs.manifest_format import EVALUATED, FAILED
from pylos.training.datamodule import SelfPlayDataModule
from tests.support.evaluated import EvaluationMetrics, train
from tests.support.training import STEPS_PER_EPOCH, tiny_data, tiny_evaluation, tiny_module, tiny_trainer


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


def test_an_anchor_that_does_not_play_these_rules_is_refused_at_the_start(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(SelfPlayDataModule, "train_dataloader", lambda self: pytest.fail("games were played"))
    trainer = tiny_trainer(tmp_path, 1, callbacks=(tiny_evaluation(anchors=("reference",)),))
    with pytest.raises(PlayerError, match="no reference agent ships for the mini-standard rules"):
        trainer.fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())


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
    entries = Manifest.load(tmp_path).entries
    assert list(entries) == [(STEPS_PER_EPOCH, 4), (2 * STEPS_PER_EPOCH, 4)]
    first, second = entries.values()
    assert (first.status, first.reason) == (FAILED, "OSError: the disk is on fire")
    assert second.status == EVALUATED


def test_the_previous_agent_has_the_weights_of_the_previous_evaluation(tmp_path: Path, monkeypatch):
    play, judged = callbacks.evaluation.evaluate_agent, []

    def judge(settings, agent, previous, *rest, **options):
        judged.append(
            [player and float(player.network(np.zeros(1, np.int64))[0][0]) for player in (agent, previous)]
        )
        return play(settings, agent, previous, *rest, **options)

    monkeypatch.setattr(callbacks.evaluation, "evaluate_agent", judge)
    train(tmp_path, max_epochs=3)
    agents, previous = zip(*judged, strict=True)
    assert previous == (None, *agents[:2])
    assert len({*agents}) == 3


def test_resumed_run_plays_its_former_self_and_keeps_the_manifest(tmp_path: Path):
    train(tmp_path / "straight", max_epochs=3)
    train(tmp_path / "halted", max_epochs=2)
    _, metrics = train(tmp_path / "halted", max_epochs=3, ckpt_path=tmp_path / "halted" / "last.ckpt")
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


def test_test_stage_plays_matches(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, callbacks=(tiny_evaluation(),))
    metrics = trainer.test(tiny_module(), datamodule=tiny_data(), verbose=False)[0]
    assert 0 <= metrics["test/win_rate_vs_random"] <= 1
    assert 0 <= metrics["test/win_rate_vs_rollouts:4"] <= 1


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


def test_an_anchor_that_cannot_be_loaded_is_refused_before_the_first_epoch(tmp_path: Path, monkeypatch):
    anchor = tmp_path / "x.ckpt"
    anchor.write_bytes(b"nonsense")
    evaluation = tiny_evaluation(anchors=(str(anchor),))
    monkeypatch.setattr(SelfPlayDataModule, "train_dataloader", lambda self: pytest.fail("games were played"))
    for stage in ("fit", "test"):
        trainer = tiny_trainer(tmp_path / stage, callbacks=(evaluation,))
        with pytest.raises(CheckpointError, match=r"^\S*x\.ckpt is not a checkpoint$"):
            getattr(trainer, stage)(tiny_module(), datamodule=tiny_data())
        assert not list((tmp_path / stage).glob("*"))
    tiny_trainer(tmp_path, callbacks=(evaluation,)).validate(
        tiny_module(), datamodule=tiny_data(), verbose=False
    )


@pytest.mark.parametrize("epochs", [True, 0, 4.5, "4", np.float64(4), 10**400], ids=itertools.count())
def test_bad_settings_are_refused_in_one_line(epochs):
    with pytest.raises(ConfigurationError, match="every_n_epochs") as caught:
        tiny_evaluation(every_n_epochs=epochs)
    assert "\n" not in str(caught.value)


def test_a_resume_warns_of_what_is_lost_and_of_nothing_else(tmp_path: Path):
    train(tmp_path, max_epochs=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(tmp_path, max_epochs=2, ckpt_path=tmp_path / "last.ckpt")
    assert not [w for w in caught if "evaluations so far" in str(w.message) or "missing" in str(w.message)]
    (tmp_path / "manifest.json").unlink()
    with pytest.warns(
        UserWarning, match=r"the run goes on, but \S*manifest\.json is missing: ratings begin anew"
    ):
        train(tmp_path, max_epochs=3, ckpt_path=tmp_path / "last.ckpt")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda name, weight: (f"{name}x", weight), "does not fit the network"),
        (lambda name, weight: (name, weight[..., None]), "does not fit the network"),
        (lambda name, weight: (name, weight.int()), "makes no sense"),
    ],
)
def test_a_previous_agent_that_is_another_network_is_refused(tmp_path: Path, spoil, message: str):
    module = tiny_module()
    weights = dict(spoil(name, weight) for name, weight in module.network.state_dict().items())
    evaluation = tiny_evaluation()
    evaluation.load_state_dict({"previous_step": 4, "previous_weights": weights})
    with pytest.raises(CheckpointError, match=f"the checkpoint's previous agent {message}"):
        tiny_trainer(tmp_path, 1, callbacks=(evaluation,)).fit(module, datamodule=tiny_data())


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"previous_step": 4},
        {"previous_step": "4", "previous_weights": {}},
        {"previous_step": -1, "previous_weights": {}},
        {"previous_step": 4, "previous_weights": []},
        {"previous_step": 4, "previous_weights": {"a": 1.0}},
    ],
)
def test_a_state_that_is_none_of_ours_is_refused(state):
    with pytest.raises(CheckpointError, match="the state of the evaluation"):
        tiny_evaluation().load_state_dict(state)


@pytest.mark.parametrize("perfect", [True, False])
def test_perfect_play_is_measured_where_the_rules_are_solved(solved: Path, tmp_path: Path, perfect: bool):
    watch = EarlyStopping("eval/turns_survived_vs_perfect", patience=9)
    metrics = EvaluationMetrics()
    callbacks = (tiny_evaluation(perfect=perfect), metrics, *([watch] if perfect else []))
    tiny_trainer(tmp_path, 1, callbacks=callbacks).fit(
        tiny_module(rules="mini-standard"), datamodule=tiny_data()
    )
    assert any("perfect" in name for name in metrics.epochs[0]) == perfect
    assert watch.strict == (not perfect)  # where it is not measured, to watch it would be a mistake
    assert Manifest.load(tmp_path).entries[STEPS_PER_EPOCH, 4].games == 2 * 4
