"""A run that is stopped and resumed goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.errors import ConfigurationError
from tests.support.training import (
    STEPS_PER_EPOCH,
    assert_equal,
    tiny_data,
    tiny_evaluation,
    tiny_module,
    tiny_trainer,
)


def fit(
    folder: Path, max_epochs: int, resume: bool = False, data: Any = None, callbacks: tuple = ()
) -> pl.Trainer:
    trainer = tiny_trainer(folder, max_epochs, callbacks=(tiny_evaluation(), *callbacks))
    checkpoint = folder / "last.ckpt" if resume else None
    trainer.fit(tiny_module(), datamodule=data or tiny_data(), ckpt_path=checkpoint)
    return trainer


def load(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "last.ckpt", weights_only=True)
    return state


PARTS = (
    "state_dict",
    "optimizer_states",
    "lr_schedulers",
    "SelfPlayDataModule",
    "epoch",
    "global_step",
    "metrics",
)


GUMBEL = {
    "root": "gumbel",
    "opening_plies": 9,
    "forked_games": 0.5,
    "simulations": 6,
    "search_threads": 2,
    "value_mix": 0.5,
}


@pytest.mark.parametrize("options", [{}, GUMBEL], ids=["puct", "gumbel"])
def test_stopped_and_resumed_run_ends_like_an_uninterrupted_one(tmp_path: Path, options: dict[str, Any]):
    fit(tmp_path / "straight", 4, data=tiny_data(**options))
    fit(tmp_path / "halted", 2, data=tiny_data(**options))
    fit(tmp_path / "halted", 4, resume=True, data=tiny_data(**options))
    straight, halted = load(tmp_path / "straight"), load(tmp_path / "halted")
    for part in PARTS:
        assert_equal(straight[part], halted[part], part)
    assert_equal(straight["callbacks"]["EvaluationCallback"], halted["callbacks"]["EvaluationCallback"])


@pytest.mark.parametrize("accelerator", ["cpu", *(["gpu"] if torch.cuda.is_available() else [])])
@pytest.mark.parametrize(
    ("changes", "training_precision"),
    [
        ({}, "float32"),
        ({}, "bfloat16"),
        ({"precision": "bf16-mixed"}, "float32"),
        ({"accumulate_grad_batches": 2}, "float32"),
        ({"detect_anomaly": True}, "float32"),
    ],
    ids=["plain", "bf16 steps", "bf16", "accumulating", "anomalies"],
)
def test_a_resume_is_exact_however_the_trainer_computes(
    tmp_path: Path, accelerator: str, changes: dict[str, Any], training_precision: str
):
    """On a GPU only the plain training step is captured as a graph."""
    options = {"accelerator": accelerator, "devices": 1, "deterministic": "warn", **changes}
    for name, stops in (("straight", (3,)), ("halted", (2, 3))):
        for epochs in stops:
            trainer = tiny_trainer(tmp_path / name, epochs, **options)
            resume = tmp_path / name / "last.ckpt" if epochs == 3 and len(stops) > 1 else None
            module = tiny_module(training_precision=training_precision)
            trainer.fit(module, datamodule=tiny_data(**GUMBEL), ckpt_path=resume)
    straight, halted = load(tmp_path / "straight"), load(tmp_path / "halted")
    for part in PARTS:
        assert_equal(straight[part], halted[part], part)


@pytest.mark.parametrize(
    ("every", "changes"),
    [(1, {}), (1, {"limit_train_batches": 3}), (1, {"accumulate_grad_batches": 3}), (3, {"val_check_interval": 0.5})],
    ids=["plain", "fewer", "accumulating", "validating"],
)  # fmt: skip
def test_a_resume_from_the_middle_of_an_epoch_is_exact(tmp_path: Path, every: int, changes: dict[str, Any]):
    def fit_from(name: str, start: Path | None) -> list[Path]:
        kept = ModelCheckpoint(tmp_path / name, every_n_train_steps=every, save_top_k=-1, filename="{step}")
        trainer = tiny_trainer(tmp_path / name, 2, callbacks=(kept,), **changes)
        trainer.fit(tiny_module(), datamodule=tiny_data(value_mix=0.5), ckpt_path=start)
        return sorted((tmp_path / name).glob("step=*.ckpt"))

    middles = fit_from("straight", None)
    assert len(middles) > 1
    straight = load(tmp_path / "straight")
    for middle in middles[:-1]:  # the last one is at the end of the training
        fit_from(middle.stem, middle)
        halted = load(tmp_path / middle.stem)
        for part in PARTS:
            assert_equal(straight[part], halted[part], f"{middle.stem}: {part}")


def test_training_is_the_same_whatever_the_cache_remembers(tmp_path: Path):
    sizes = (0, 50, 10_000)
    trainers = [fit(tmp_path / str(size), 2, data=tiny_data(cache_size=size)) for size in sizes]
    none, little, much = (load(tmp_path / str(size)) for size in sizes)
    for state in (little, much):
        assert_equal(none["state_dict"], state["state_dict"])
    shares = [trainer.datamodule.metrics()["time/network_share"] for trainer in trainers]
    assert shares[2] < shares[1] < shares[0] <= 1


def test_gumbel_trains_on_whole_policies(tmp_path: Path):
    data = tiny_data(**GUMBEL)
    fit(tmp_path, 1, data=data)
    samples, rows = data.buffer.samples, slice(len(data.buffer))
    totals = samples.weights[rows].astype(int).sum(axis=1)
    assert (totals > 9_900).mean() > 0.5  # the others are proven


def test_adam_moments_and_learning_rate_after_a_resume_equal_those_before(tmp_path: Path):
    seen: dict[str, Any] = {}

    class Look(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_index):
            if not seen:
                optimizer = trainer.optimizers[0]
                seen["moments"] = [optimizer.state[p] for p in pl_module.parameters()]
                seen["moments"] = [{k: v.clone() for k, v in state.items()} for state in seen["moments"]]
                seen["rates"] = [group["lr"] for group in optimizer.param_groups]

    before = fit(tmp_path, 2)
    rates = [group["lr"] for group in before.optimizers[0].param_groups]
    moments = [before.optimizers[0].state[p] for p in before.lightning_module.parameters()]
    assert rates[0] < 1e-3
    assert all(state["exp_avg_sq"].abs().sum() > 0 for state in moments)
    fit(tmp_path, 3, resume=True, callbacks=(Look(),))
    assert seen["rates"] == rates
    assert_equal(seen["moments"], moments, "moments")
    assert seen["moments"][0]["step"] == 2 * STEPS_PER_EPOCH


def test_resume_takes_learning_rate_horizon_and_decay_from_the_configuration(tmp_path: Path):
    fit(tmp_path, 2)
    module = tiny_module(learning_rate=5e-3, schedule_steps=10_000, weight_decay=0.25)
    trainer = tiny_trainer(tmp_path, 3)
    trainer.fit(module, datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")
    groups = trainer.optimizers[0].param_groups
    assert [group["lr"] for group in groups] == pytest.approx([5e-3] * 2, rel=1e-2)
    assert [group["weight_decay"] for group in groups] == [0.25, 0.0]


def test_resume_plays_no_generation_twice(tmp_path: Path):
    fit(tmp_path, 2)
    added = load(tmp_path)["SelfPlayDataModule"]["ranks"][0]["buffer"]["added"]
    data = tiny_data()
    trainer = tiny_trainer(tmp_path, 2)
    trainer.fit(tiny_module(), datamodule=data, ckpt_path=tmp_path / "last.ckpt")  # nothing left to do
    assert data.buffer.added == added
    assert trainer.global_step == 2 * STEPS_PER_EPOCH


def test_games_in_flight_that_do_not_fit_are_refused(tmp_path: Path):
    fit(tmp_path, 1)
    with pytest.raises(ConfigurationError, match="parallel_games"):
        fit(tmp_path, 2, resume=True, data=tiny_data(parallel_games=5))
