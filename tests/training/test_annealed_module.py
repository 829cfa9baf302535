"""AdamW and its learning rate, on start and on resume, and that what a subclass makes of its own is left alone."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import LearningRateFinder

from pylos.training.module import PylosModule
from tests.support.training import STEPS_PER_EPOCH, assert_equal, tiny_data, tiny_module, tiny_trainer


def test_optimizer_decays_weight_matrices_only():
    module = tiny_module(weight_decay=0.3)
    optimizer = module.configure_optimizers()["optimizer"]
    assert isinstance(optimizer, torch.optim.AdamW)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert len(decay) == len(list(module.parameters()))
    for name, parameter in module.named_parameters():
        assert decay[id(parameter)] == (0.3 if parameter.ndim > 1 else 0.0), name


def test_on_a_processor_it_is_one_operation(tmp_path: Path):
    """But for a trainer's own autocast, under which Lightning would not clip: see tests/whole/test_resume.py."""
    for precision, expected in (("32-true", True), ("bf16-mixed", None)):
        trainer = tiny_trainer(tmp_path, 1, precision=precision, limit_val_batches=0)
        trainer.fit(tiny_module(rules="mini-standard"), datamodule=tiny_data())
        assert [group["fused"] for group in trainer.optimizers[0].param_groups] == [expected] * 2


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


class Rates(pl.Callback):
    """Notes the rates of every step."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen.append([group["lr"] for group in optimizer.param_groups])


class WarmUp(PylosModule):
    """Two groups of parameters with rates of their own, warmed up."""

    def configure_optimizers(self) -> Any:
        groups = [
            {"params": list(self.network.stem.parameters()), "lr": 1e-2},
            {"params": [p for name, p in self.network.named_parameters() if "stem" not in name]},
        ]
        optimizer = torch.optim.SGD(groups, lr=1e-4, weight_decay=0.125)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 8))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Slower(PylosModule):
    """Ours, but with a rate of its own for one group."""

    def configure_optimizers(self) -> Any:
        ours = super().configure_optimizers()
        ours["lr_scheduler"]["scheduler"].base_lrs = [1e-3, 1e-4]
        return ours


class Plain(PylosModule):
    """No schedule at all."""

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.25)


class Alternating(PylosModule):
    """Several optimizers, by hand."""

    automatic_optimization = False

    def configure_optimizers(self) -> Any:
        network = self.network
        parts = list(network.stem.parameters()), list(network.policy_head.parameters())
        return [torch.optim.SGD(part, lr=rate) for part, rate in zip(parts, (0.5, 0.125), strict=True)]

    def training_step(self, batch: Any, batch_index: int) -> Any:
        found = super().training_step(batch, batch_index)
        self.manual_backward(found["loss"])
        for optimizer in self.optimizers():
            optimizer.step()
            optimizer.zero_grad()
        return found


EXPECTED = {
    WarmUp: [[1e-2 * min(1.0, (i + 1) / 8), 1e-4 * min(1.0, (i + 1) / 8)] for i in range(12)],
    Plain: [[0.25]] * 12,
    Alternating: [[0.5], [0.125]] * 12,
}


@pytest.mark.parametrize("kind", [WarmUp, Slower, Plain, Alternating])
def test_a_subclass_keeps_its_own_rates_on_start_and_on_resume(tmp_path: Path, kind: type[PylosModule]):
    def fit(folder: Path, epochs: int, resume: bool = False) -> list[list[float]]:
        rates = Rates()
        clip = None if kind is Alternating else 1.0  # Lightning does not clip what is stepped by hand
        trainer = tiny_trainer(folder, epochs, (rates,), gradient_clip_val=clip, limit_val_batches=0)
        pl.seed_everything(0, verbose=False)
        module = kind(width=16, blocks=1, schedule_steps=12, training_precision="float32")
        trainer.fit(module, datamodule=tiny_data(), ckpt_path=folder / "last.ckpt" if resume else None)
        assert [group["weight_decay"] for group in trainer.optimizers[0].param_groups] == decays[kind]
        return rates.seen

    decays = {WarmUp: [0.125] * 2, Slower: [1e-4, 0.0], Plain: [0.0], Alternating: [0.0]}
    straight = fit(tmp_path / "straight", 3)
    halted = fit(tmp_path / "halted", 1) + fit(tmp_path / "halted", 3, resume=True)
    assert straight == halted
    if kind in EXPECTED:
        for seen, expected in zip(straight, EXPECTED[kind], strict=True):
            assert seen == pytest.approx(expected)
    else:
        assert [a / b for a, b in straight[1:]] == pytest.approx([10.0] * 11)


def test_the_learning_rate_finder_is_obeyed(tmp_path: Path):
    rates = Rates()
    finder = LearningRateFinder(num_training_steps=20, early_stop_threshold=None)
    trainer = tiny_trainer(tmp_path, 2, (finder, rates), limit_val_batches=0)
    module = tiny_module(schedule_steps=None, min_learning_rate=0.0)
    trainer.fit(module, datamodule=tiny_data(batches_per_epoch=20))
    found = finder.optimal_lr.suggestion()
    assert found is not None
    assert module.hparams["learning_rate"] == found
    assert rates.seen[-40] == pytest.approx([found] * 2)
    assert rates.seen[-1][0] < 0.2 * found


@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 2}, {"max_steps": 5}], ids=str)
def test_a_derived_schedule_is_the_same_as_one_that_is_given(tmp_path: Path, options: dict[str, Any]):
    steps = {"": 8, "accumulate_grad_batches": 4, "max_steps": 5}[next(iter(options), "")]
    states = []
    for given in (None, steps):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*schedule_steps")
            trainer = tiny_trainer(tmp_path / str(given), 2, limit_val_batches=0, **options)
            trainer.fit(tiny_module(schedule_steps=given), datamodule=tiny_data(value_mix=0.5))
        assert trainer.global_step == steps
        assert trainer.lightning_module.schedule_progress == 1.0
        assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(1e-5)
        states.append(torch.load(tmp_path / str(given) / "last.ckpt", weights_only=True))
    assert states[0]["hyper_parameters"]["schedule_steps"] is None
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "SelfPlayDataModule"):
        assert_equal(states[0][part], states[1][part], part)


def test_a_resume_with_more_epochs_follows_the_longer_schedule(tmp_path: Path):
    seen = []
    for epochs in (1, 4):
        rates = Rates()
        trainer = tiny_trainer(tmp_path, epochs, (rates,), limit_val_batches=0)
        start = tmp_path / "last.ckpt" if epochs == 4 else None
        trainer.fit(tiny_module(schedule_steps=None), datamodule=tiny_data(), ckpt_path=start)
        seen += [rate for rate, _ in rates.seen]
    module = tiny_module(schedule_steps=16)
    assert seen[STEPS_PER_EPOCH:] == pytest.approx([1e-3 * module._cosine(step) for step in range(4, 16)])


def test_without_a_trainer_nothing_is_over():
    assert tiny_module(schedule_steps=None).schedule_progress == 0.0


def test_a_resume_has_the_options_of_its_own_start(tmp_path: Path):
    first = tiny_trainer(tmp_path, 1, limit_val_batches=0)
    first.fit(tiny_module(weight_decay=0.1), datamodule=tiny_data())
    rates = Rates()
    trainer = tiny_trainer(tmp_path, 2, (rates,), limit_val_batches=0)
    module = tiny_module(weight_decay=0.3, learning_rate=5e-4, min_learning_rate=1e-4)
    trainer.fit(module, datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")
    assert [group["weight_decay"] for group in trainer.optimizers[0].param_groups] == [0.3, 0.0]
    steps = range(STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH)
    wanted = [1e-4 + 4e-4 * (1 + math.cos(math.pi * step / (4 * STEPS_PER_EPOCH))) / 2 for step in steps]
    assert rates.seen == [pytest.approx([rate, rate]) for rate in wanted]
