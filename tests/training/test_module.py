from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from pylos import Board
from pylos.errors import CheckpointError, ConfigurationError, NonFiniteLossError, RulesError
from pylos.game.actions import parse_action
from pylos.search.evaluator import BATCH_MULTIPLE
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.training.losses import losses
from pylos.training.module import PylosModule
from tests.support.training import STEPS_PER_EPOCH, tiny_data, tiny_module, tiny_trainer

START = "................/........./..../. w 0"


def batch_of(buffer_size: int = 64) -> Batch:
    """A batch of one position in which one action is the target and white is sure to win."""
    buffer = ReplayBuffer(1, 4)
    buffer.samples.actions[0, 0] = parse_action("1B2")
    buffer.samples.weights[0, 0] = 5
    buffer.samples.outcomes[0] = 1
    buffer.added = 1
    return buffer.batch(buffer_size, code=1, key=1)


def test_optimizer_decays_weight_matrices_only():
    module = tiny_module(weight_decay=0.3)
    optimizer = module.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, torch.optim.AdamW)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(module.parameters()))
    for name, parameter in module.named_parameters():
        assert decay[id(parameter)] == (0.3 if parameter.ndim > 1 else 0.0), name


def test_learning_rate_falls_along_a_cosine_and_stays_at_its_minimum():
    module = tiny_module(learning_rate=1e-2, min_learning_rate=1e-4, schedule_steps=10)
    optimizers = module.configure_optimizers()
    optimizer, schedule = optimizers["optimizer"], optimizers["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(15):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    expected = [1e-4 + (1e-2 - 1e-4) * (1 + math.cos(math.pi * min(i / 10, 1))) / 2 for i in range(15)]
    assert rates == pytest.approx(expected)
    assert rates[10] == rates[14] == pytest.approx(1e-4)


def test_loss_is_cross_entropy_over_legal_actions_plus_weighted_squared_error():
    module = tiny_module(value_loss_weight=3.0)
    batch = batch_of(4)
    values, log_policy = module(batch.observations)
    expected = 0.0
    for i in range(4):
        legal = batch.legal[i].nonzero()[:, 0]
        assert len(legal) == 16  # the empty board: places on the ground only
        normaliser = torch.logsumexp(log_policy[i, legal], 0)
        cross_entropy = -(batch.policy[i, legal] * (log_policy[i, legal] - normaliser)).sum()
        expected += float((cross_entropy + 3.0 * (values[i, 0] - batch.outcomes[i, 0]) ** 2).detach()) / 4
    assert float(losses(values, log_policy, batch, 3.0).loss) == pytest.approx(expected, rel=1e-5)


def test_training_on_a_decided_position_moves_value_and_policy():
    module = tiny_module(learning_rate=1e-2)
    optimizer = module.configure_optimizers()["optimizer"]
    batch = batch_of()
    for _ in range(150):
        optimizer.zero_grad()
        losses(*module(batch.observations), batch, 1.0).loss.backward()
        optimizer.step()
    values, log_policy = module(batch.observations)
    assert values.min() > 0.9
    policy = log_policy.masked_fill(~batch.legal, -torch.inf).softmax(1)
    centre = [
        parse_action(name) for name in ("1B2", "1B3", "1C2", "1C3")
    ]  # the eight symmetries of the target
    assert policy[:, centre].sum(1).min() > 0.95


def test_non_finite_loss_stops_with_the_step_named(tmp_path: Path):
    class Breaks(pl.Callback):
        """After self-play, which would not begin with such a network."""

        def on_train_epoch_start(self, trainer, pl_module):
            torch.nn.init.constant_(pl_module.network.value_head.weight, math.nan)

    with pytest.raises(NonFiniteLossError, match=r"step 0 \(epoch 0, batch 0\)"):
        tiny_trainer(tmp_path, callbacks=(Breaks(),)).fit(tiny_module(), datamodule=tiny_data())
    assert not (tmp_path / "last.ckpt").exists()


def test_non_finite_gradient_stops_before_it_reaches_the_weights(tmp_path: Path):
    module = tiny_module()
    module.network.value_head.weight.register_hook(lambda gradient: gradient * torch.inf)
    before = [parameter.clone() for parameter in module.parameters()]
    with pytest.raises(NonFiniteLossError, match="gradient is not finite at step 0"):
        tiny_trainer(tmp_path).fit(module, datamodule=tiny_data())
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_schedule_that_does_not_match_the_training_is_warned_of(tmp_path: Path):
    with pytest.warns(UserWarning, match="schedule_steps = 999 steps, but this training has 4 of them"):
        tiny_trainer(tmp_path, max_epochs=1).fit(tiny_module(schedule_steps=999), datamodule=tiny_data())


def test_a_training_that_ends_within_an_epoch_is_warned_of(tmp_path: Path):
    module = tiny_module(schedule_steps=5)
    with pytest.warns(UserWarning, match=r"ends after 5 steps, within an epoch of 4"):
        tiny_trainer(tmp_path, max_epochs=2, max_steps=5).fit(module, datamodule=tiny_data())


def test_a_checkpoint_of_other_rules_is_refused(tmp_path: Path):
    tiny_trainer(tmp_path, 1).fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())
    with pytest.raises(CheckpointError, match="was trained for 'mini-standard' rules, not for 'standard'"):
        tiny_trainer(tmp_path, 2).fit(
            tiny_module(rules="standard"), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt"
        )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"rules": "chess"}, RulesError),
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


def test_predict_names_legal_actions_with_their_probabilities(tmp_path: Path):
    texts = ["................/........./..../. w 0", "wwww............/........./..../. b 0"]
    file = tmp_path / "positions.txt"
    file.write_text("# two positions\n" + "\n".join(texts) + "\n")
    predictions = tiny_trainer(tmp_path).predict(tiny_module(), datamodule=tiny_data(positions=str(file)))
    assert [p["position"] for p in predictions[0]] == texts
    for prediction in predictions[0]:
        board = Board.from_text(prediction["position"])
        assert {parse_action(name) for name in prediction["policy"]} == set(board.legal_actions.tolist())
        assert sum(prediction["policy"].values()) == pytest.approx(1)
        assert list(prediction["policy"].values()) == sorted(prediction["policy"].values(), reverse=True)
        assert -1 <= prediction["value"] <= 1


@pytest.mark.parametrize("count", [1, 3, 7, 9])
def test_a_position_is_judged_the_same_however_many_others_there_are(tmp_path: Path, count: int):
    module = tiny_module(width=64)
    torch.nn.init.normal_(module.network.policy_head.weight)
    texts = [START]
    while len(texts) < 12:
        board = Board.from_text(texts[-1])
        board.push(board.legal_actions[-1])
        texts.append(board.text)

    def predict(texts: list[str]) -> list[dict[str, Any]]:
        file = tmp_path / "positions.txt"
        file.write_text("\n".join(texts))
        found = tiny_trainer(tmp_path).predict(module, datamodule=tiny_data(positions=str(file)))[0]
        return [{**judgement, "policy": list(judgement["policy"].items())} for judgement in found]

    assert predict(texts[:count]) == predict(texts)[:count]


def test_validation_judges_in_batches_of_which_no_answer_depends(tmp_path: Path):
    sizes = []

    class Watched(PylosModule):
        def forward(self, observations):
            sizes.append(len(observations))
            return super().forward(observations)

    module = Watched(rules="mini-standard", width=16, blocks=1, validation_simulations=0)
    data = tiny_data(batches_per_epoch=1, validation_positions=7)
    tiny_trainer(tmp_path, 1, limit_train_batches=0).validate(module, datamodule=data, verbose=False)
    assert sizes
    assert all(size % BATCH_MULTIPLE == 0 for size in sizes)
