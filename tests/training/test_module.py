"""The module in training: its options, its losses and logs, and the checkpoints that it takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from pylos import Board
from pylos.errors import (
    CheckpointError,
    ConfigurationError,
    NonFiniteLossError,
    NonFiniteNetworkError,
    RulesError,
)
from pylos.network.checkpoint_format import VERSION_KEY
from pylos.network.checkpoints import load_checkpoint, load_network
from pylos.network.compiled import uncompiled
from pylos.network.weights import check_finite
from pylos.players.naming import make_player
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule
from tests.support.training import (
    STEPS_PER_EPOCH,
    assert_equal,
    tiny_data,
    tiny_evaluation,
    tiny_module,
    tiny_trainer,
)


def test_non_finite_loss_stops_with_the_step_named(tmp_path: Path):
    class Breaks(pl.Callback):
        """After self-play, which would not begin with such a network."""

        def on_train_epoch_start(self, trainer, pl_module):
            torch.nn.init.constant_(pl_module.network.value_head.weight, math.nan)

    with pytest.raises(NonFiniteLossError, match=r"step 0 \(epoch 0, batch 0\)"):
        tiny_trainer(tmp_path, callbacks=(Breaks(),)).fit(tiny_module(), datamodule=tiny_data())
    assert not (tmp_path / "last.ckpt").exists()


def test_weights_that_an_epoch_has_made_infinite_are_not_measured_and_not_saved(tmp_path: Path):
    measured = []

    class Breaks(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_index):
            if trainer.is_last_batch:
                torch.nn.init.constant_(pl_module.network.value_head.weight, math.inf)

        def on_validation_start(self, trainer, pl_module):
            measured.append(trainer.sanity_checking)

    with pytest.raises(NonFiniteNetworkError, match=r"stopped after step 4 \(epoch 0\)"):
        tiny_trainer(tmp_path, callbacks=(Breaks(),)).fit(tiny_module(), datamodule=tiny_data())
    assert not [sanity for sanity in measured if not sanity]
    assert not (tmp_path / "last.ckpt").exists()


def test_a_checkpoint_of_infinite_weights_is_neither_saved_nor_loaded(tmp_path: Path):
    trainer, module = tiny_trainer(tmp_path, 1), tiny_module()
    trainer.fit(module, datamodule=tiny_data())
    before = (tmp_path / "last.ckpt").read_bytes()
    torch.nn.init.constant_(module.network.value_head.weight, math.inf)
    with pytest.raises(NonFiniteNetworkError, match="not saved"):
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() == before
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    with pytest.raises(NonFiniteNetworkError, match="the checkpoint"):
        tiny_module().on_load_checkpoint({**checkpoint, "state_dict": module.state_dict()})


def test_non_finite_gradient_stops_before_it_reaches_the_weights(tmp_path: Path):
    module = tiny_module()
    module.network.value_head.weight.register_hook(lambda gradient: gradient * torch.inf)
    before = [parameter.clone() for parameter in module.parameters()]
    with pytest.raises(NonFiniteLossError, match="gradient is not finite at step 0"):
        tiny_trainer(tmp_path).fit(module, datamodule=tiny_data())
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_a_checkpoint_of_other_rules_is_refused(tmp_path: Path):
    tiny_trainer(tmp_path, 1).fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())
    with pytest.raises(CheckpointError, match="was trained for 'mini-standard' rules, not for 'standard'"):
        tiny_trainer(tmp_path, 2).fit(
            tiny_module(rules="standard"), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt"
        )


def older(path: Path, activation: str | None) -> Path:
    """A checkpoint as older versions wrote it, which named no activation, or as it is."""
    checkpoint = torch.load(path, weights_only=True)
    if activation is None:
        del checkpoint["hyper_parameters"]["activation"]
        checkpoint[VERSION_KEY] = 2
    torch.save(checkpoint, path.with_name("old.ckpt"))
    return path.with_name("old.ckpt")


@pytest.mark.parametrize("kept", [None, "relu"])
def test_the_activation_of_a_checkpoint_is_taken_unless_the_option_says_another(
    tmp_path: Path, kept: str | None
):
    options = {"rules": "mini-standard", "validation_simulations": 0}
    tiny_trainer(tmp_path, 1).fit(tiny_module(activation="relu", **options), datamodule=tiny_data())
    path = older(tmp_path / "last.ckpt", kept)
    assert load_network(path).network.activation == "relu"
    assert PylosModule.load_from_checkpoint(path).network.activation == "relu"
    module, trainer = tiny_module(**options), tiny_trainer(tmp_path, 2)
    assert (module.network.activation, module.hparams["activation"]) == ("relu2", "relu2")
    trainer.validate(module, datamodule=tiny_data(), ckpt_path=path, verbose=False)
    assert module.network.activation == "relu"
    module = tiny_module(**options)
    trainer.fit(module, datamodule=tiny_data(), ckpt_path=path)
    assert module.network.activation == module.network.blocks[0].activation == "relu"
    again = load_checkpoint(tmp_path / "last.ckpt")
    assert (again["hyper_parameters"]["activation"], again["epoch"]) == ("relu", 1)
    with pytest.raises(CheckpointError, match="the checkpoint has the activation 'relu', not 'relu2'"):
        trainer.fit(tiny_module(activation="relu2", **options), datamodule=tiny_data(), ckpt_path=path)
    assert PylosModule.load_from_checkpoint(path, activation=None).network.activation == "relu"
    with pytest.raises(CheckpointError, match=r"old\.ckpt has the activation 'relu', not 'relu2'"):
        PylosModule.load_from_checkpoint(path, activation="relu2")
    again["hyper_parameters"]["activation"] = "gelu"
    with pytest.raises(CheckpointError, match="the checkpoint has the activation 'gelu', not 'relu2'"):
        tiny_module(**options).on_load_checkpoint(again)


class OwnNetwork(PylosModule):
    """A network that has nothing to do with the option."""

    def make_network(self):
        class Own(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.heads = torch.nn.Linear(184, 306)

            def forward(self, observations):
                x = self.heads(observations)
                return x[:, :3], x[:, 3:].log_softmax(-1)

        return Own()


def test_a_network_of_ones_own_has_no_activation_of_ours():
    module = OwnNetwork()
    for theirs in ("relu", "gelu", None):
        module.take_activation({"hyper_parameters": {"activation": theirs}}, "it")
    assert module.hparams["activation"] == "relu2"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"rules": "chess"}, RulesError),
        ({"activation": "gelu"}, ConfigurationError),
        ({"activation": ""}, ConfigurationError),
        ({"training_precision": "int8"}, ConfigurationError),
        ({"width": 0}, ConfigurationError),
        ({"width": 10**6}, ConfigurationError),
        ({"blocks": 10**6}, ConfigurationError),
        ({"weight_decay": math.nan}, ConfigurationError),
        ({"weight_decay": math.inf}, ConfigurationError),
        ({"value_loss_weight": math.nan}, ConfigurationError),
        ({"learning_rate": math.nan}, ConfigurationError),
        ({"min_learning_rate": math.nan}, ConfigurationError),
        ({"schedule_steps": 1.5}, ConfigurationError),
        ({"schedule_steps": 0}, ConfigurationError),
        ({"validation_simulations": -1}, ConfigurationError),
        ({"learning_rate": 1e-6}, ConfigurationError),
        ({"learning_rate": 0.0, "min_learning_rate": 0.0}, ConfigurationError),
    ],
)
def test_bad_options_are_refused(changes, error):
    with pytest.raises(error):
        PylosModule(**changes)


def test_everything_promised_is_logged(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, max_epochs=1)
    trainer.fit(tiny_module(schedule_steps=STEPS_PER_EPOCH), datamodule=tiny_data())
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    for name in (
        "loss",
        "value_loss",
        "policy_loss",
        "illegal_loss",
        "policy_entropy",
        "value_std",
        "learning_rate",
        "gradient_norm",
    ):
        assert np.isfinite(metrics[f"train/{name}"]), name
    assert metrics["train/gradient_norm"] > 0
    assert 0 < metrics["train/policy_entropy"] < math.log(303)
    assert metrics["selfplay/games"] >= 6
    assert 15 < metrics["selfplay/game_length"] < 200
    assert 0 <= metrics["selfplay/first_player_score"] <= 1
    assert 0 <= metrics["selfplay/draw_rate"] <= 1
    assert 0 < metrics["selfplay/buffer_fill"] <= 1
    assert metrics["time/positions_per_second"] > 0
    assert metrics["time/simulations_per_second"] == pytest.approx(4 * metrics["time/positions_per_second"])


def test_an_epoch_that_max_steps_cuts_short_is_logged_too(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=STEPS_PER_EPOCH - 1)
    trainer.fit(tiny_module(schedule_steps=STEPS_PER_EPOCH), datamodule=tiny_data())
    assert 0 < float(trainer.callback_metrics["train/loss"]) < 10


@pytest.mark.parametrize(("what", "precision"), [("module", "bfloat16"), ("network", "float32")])
def test_a_compiled_module_trains_validates_resumes_and_plays(tmp_path: Path, what: str, precision: str):
    """Without a compiler of C++, which not every machine has: what is traced and named is the same."""
    torch.compiler.reset()

    def fit(folder: Path, epochs: int, compiled: bool, resume: bool = False) -> pl.Trainer:
        module: Any = tiny_module(rules="mini-standard", training_precision=precision)
        if compiled and what == "network":
            module.network = torch.compile(module.network, backend="eager")
        elif compiled:
            module = torch.compile(module, backend="eager")
        trainer = tiny_trainer(folder, epochs, (tiny_evaluation(),))
        trainer.fit(module, datamodule=tiny_data(), ckpt_path=folder / "last.ckpt" if resume else None)
        assert trainer.test(module, datamodule=tiny_data(), verbose=False)[0]["test/loss"] > 0
        return trainer

    fit(tmp_path / "compiled", 1, compiled=True)
    trainer = fit(tmp_path / "compiled", 2, compiled=True, resume=True)
    fit(tmp_path / "plain", 2, compiled=False)
    compiled, plain = (load_checkpoint(tmp_path / name / "last.ckpt") for name in ("compiled", "plain"))
    assert_equal(list(compiled["state_dict"]), list(plain["state_dict"]))
    assert_equal(compiled["callbacks"]["EvaluationCallback"], plain["callbacks"]["EvaluationCallback"])
    assert_equal(compiled["state_dict"], plain["state_dict"])
    player = make_player(str(tmp_path / "compiled" / "last.ckpt:4"))
    assert len(player.choose([Board("mini-standard")])) == 1
    again = PylosModule.load_from_checkpoint(tmp_path / "compiled" / "last.ckpt")
    assert_equal(dict(again.state_dict()), dict(trainer.lightning_module.state_dict()))
    fit(tmp_path / "compiled", 3, compiled=False, resume=True)  # with or without


def test_names_that_an_earlier_version_saved_of_a_compiled_network_are_taken(tmp_path: Path):
    module = tiny_module()
    state = {name.replace("network.", "network._orig_mod."): w + 1 for name, w in module.state_dict().items()}
    module.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(module.state_dict().values(), state.values(), strict=True))
    tiny_trainer(tmp_path, 1).fit(module, datamodule=tiny_data())
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    checkpoint["state_dict"] = state
    torch.save(checkpoint, tmp_path / "old.ckpt")
    assert make_player(str(tmp_path / "old.ckpt:0")).choose([Board()]).tolist()
    assert uncompiled(module.network) is module.network
    check_finite(state, "it")


def test_a_checkpoint_of_other_rules_is_not_loaded(tmp_path: Path):
    tiny_trainer(tmp_path, 1).fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())
    path = tmp_path / "last.ckpt"
    assert PylosModule.load_from_checkpoint(path).rules == "mini-standard"
    assert PylosModule.load_from_checkpoint(str(path), rules="mini-standard", learning_rate=0.5).rules
    with pytest.raises(
        CheckpointError, match=r"last\.ckpt was trained for 'mini-standard' rules, not for 'mature'"
    ):
        PylosModule.load_from_checkpoint(path, rules="mature")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        PylosModule.load_from_checkpoint(path)


def test_the_class_paths_of_an_earlier_version_are_taken(tmp_path: Path):
    tiny_trainer(tmp_path, 1).fit(tiny_module(), datamodule=tiny_data())
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    made = {"_instantiator": "lightning.pytorch.cli.instantiate_module"}
    checkpoint["hyper_parameters"] |= {**made, "_class_path": "pylos.module.PylosModule"}
    checkpoint["datamodule_hyper_parameters"] |= {
        **made,
        "_class_path": "pylos.datamodule.SelfPlayDataModule",
    }
    torch.save(checkpoint, tmp_path / "old.ckpt")
    module = PylosModule.load_from_checkpoint(tmp_path / "old.ckpt", learning_rate=0.5)
    assert (type(module), module.hparams["width"], module.hparams["learning_rate"]) == (PylosModule, 16, 0.5)
    data = SelfPlayDataModule.load_from_checkpoint(tmp_path / "old.ckpt", seed=3)
    assert (type(data), data.hparams["games_per_epoch"], data.hparams["seed"]) == (SelfPlayDataModule, 6, 3)


def test_an_example_input_goes_through_the_network(tmp_path: Path):
    module = tiny_module()
    outcomes, log_policy = module(module.example_input_array)
    assert (outcomes.shape, log_policy.shape) == ((1, 3), (1, 303))
    summary = str(pl.utilities.model_summary.ModelSummary(module, max_depth=2))
    assert "[1, 184]" in summary  # sizes, in and out
    assert "example_input_array" not in module.state_dict()
