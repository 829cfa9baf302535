"""Fits whose steps are made in one: the same checkpoints as step by step, and who has a say within a step keeps it."""

from __future__ import annotations

import functools
import gc
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler, StochasticWeightAveraging

from pylos.errors import NonFiniteLossError
from pylos.kernels.launch import Launch
from pylos.network.checkpoints import load_checkpoint
from pylos.training import annealed_module, captured_step, stepping_module
from pylos.training.module import PylosModule
from tests.support.training import STEPS_PER_EPOCH, assert_equal, tiny_data, tiny_module, tiny_trainer


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes steps in one on the CPU, too: what a graph would have in it runs kernel by kernel."""
    monkeypatch.setattr(stepping_module, "is_captured", lambda device: True)


class Looks(pl.Callback):
    """Has a say within every step, so that Lightning makes it."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        assert all(p.grad is not None for p in pl_module.parameters())


class Saves(pl.Callback):
    """Saves in the midst of an epoch."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path, self.step = folder / f"{step}.ckpt", step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_index):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


class Stepped(pl.Callback):
    """Notes how the steps were made, and what came out."""

    def __init__(self) -> None:
        self.captured: list[bool] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_index):
        self.captured.append(pl_module.captured_step is not None)
        self.losses.append(float(outputs["loss"]))


def fit(
    folder: Path,
    *callbacks: pl.Callback,
    epochs: int = 2,
    resume: Path | None = None,
    steps: int = STEPS_PER_EPOCH,
    **options: Any,
) -> tuple[dict[str, Any], Stepped]:
    stepped = Stepped()
    module = tiny_module(rules="mini-standard", learning_rate=2**-9, min_learning_rate=2**-10)
    options = {"gradient_clip_val": 0.25, **options}
    trainer = tiny_trainer(folder, epochs, (stepped, *callbacks), **options)
    trainer.fit(module, datamodule=tiny_data(batches_per_epoch=steps), ckpt_path=resume)
    assert module.captured_step is None  # the device's memory is given back
    return load_checkpoint(folder / "last.ckpt"), stepped


@pytest.fixture
def steps_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule of rates that float32 holds: a graph takes them as such."""
    monkeypatch.setattr(annealed_module, "cosine", lambda progress, lowest: 1.0 if progress < 0.4 else lowest)


def assert_same_run(one: dict[str, Any], other: dict[str, Any]) -> None:
    """But for what describes the process and its callbacks."""
    names = ("state_dict", "optimizer_states", "lr_schedulers", "loops", "metrics", "SelfPlayDataModule")
    assert_equal({name: one[name] for name in names}, {name: other[name] for name in names})


@pytest.mark.usefixtures("captured", "steps_of_two")
@pytest.mark.parametrize(
    "options",
    [{}, {"gradient_clip_val": None}, {"gradient_clip_algorithm": "value", "gradient_clip_val": 1e-3}],
)
def test_a_fit_has_the_checkpoint_of_one_step_by_step(tmp_path: Path, options: dict[str, Any]):
    whole, stepped = fit(tmp_path / "whole", **options)
    parts, plain = fit(tmp_path / "parts", Looks(), **options)
    assert stepped.captured == [True] * 2 * STEPS_PER_EPOCH
    assert plain.captured == [False] * 2 * STEPS_PER_EPOCH
    assert stepped.losses == plain.losses
    assert_same_run(whole, parts)
    assert len({group["lr"] for group in whole["optimizer_states"][0]["param_groups"]}) == 1
    assert whole["optimizer_states"][0]["param_groups"][0]["capturable"] is False


@pytest.mark.usefixtures("captured", "steps_of_two")
@pytest.mark.parametrize("first", ["whole", "parts"])
def test_a_resume_from_the_midst_of_an_epoch_changes_no_bit_in_either_way(tmp_path: Path, first: str):
    saves = Saves(tmp_path, STEPS_PER_EPOCH + 2)
    unbroken, _ = fit(tmp_path / "unbroken", saves, *([Looks()] if first == "parts" else []))
    resumed, stepped = fit(tmp_path / "resumed", *([Looks()] if first == "whole" else []), resume=saves.path)
    assert stepped.captured == [first == "parts"] * (STEPS_PER_EPOCH - 2)
    assert_same_run(unbroken, resumed)


@pytest.mark.usefixtures("captured")
def test_checkpoints_go_from_device_to_device(tmp_path: Path, monkeypatch):
    """Some are no place for a fused optimizer, and there it counts elsewhere."""
    fused, _ = fit(tmp_path / "device", epochs=1)
    monkeypatch.undo()
    monkeypatch.setattr(annealed_module, "_FUSIBLE", ())
    plain, _ = fit(tmp_path / "host", resume=tmp_path / "device" / "last.ckpt")
    for checkpoint, expected in ((fused, True), (plain, None)):
        groups = checkpoint["optimizer_states"][0]["param_groups"]
        assert [group["fused"] for group in groups] == [expected] * 2
    steps = {float(state["step"]) for state in plain["optimizer_states"][0]["state"].values()}
    assert steps == {2 * STEPS_PER_EPOCH}
    monkeypatch.undo()
    monkeypatch.setattr(stepping_module, "is_captured", lambda device: True)
    back, stepped = fit(tmp_path / "back", epochs=3, resume=tmp_path / "host" / "last.ckpt")
    assert all(stepped.captured)
    assert back["optimizer_states"][0]["param_groups"][0]["fused"] is True


class Breaks(pl.Callback):
    """Breaks the loss or the gradient of one step."""

    def __init__(self, what: str, step: int) -> None:
        self.what, self.step = what, step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_index):
        if trainer.global_step != self.step:
            return
        if self.what == "loss":
            batch.outcomes[0] = math.inf
        else:
            weight = next(pl_module.network.parameters())
            hook = weight.register_hook(lambda gradient: (hook.remove(), gradient * math.nan)[1])


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("loss", r"the loss is nan at step 5 \(epoch 1, batch 1\); stopped"),
        ("gradient", r"the gradient is not finite at step 5 \(epoch 1\); stopped"),
    ],
)
def test_a_step_that_is_not_finite_ends_the_fit_with_the_weights_before_it(
    tmp_path: Path, what: str, sentence: str
):
    trainer = tiny_trainer(tmp_path, 2, (Breaks(what, 5),))
    module = tiny_module(rules="mini-standard")
    with pytest.raises(NonFiniteLossError, match=sentence):
        trainer.fit(module, datamodule=tiny_data())
    assert load_checkpoint(tmp_path / "last.ckpt")["global_step"] == STEPS_PER_EPOCH
    before = tiny_module(rules="mini-standard")
    tiny_trainer(tmp_path / "before", -1, max_steps=5).fit(before, datamodule=tiny_data())
    assert_equal(dict(module.state_dict()), dict(before.state_dict()))


@pytest.mark.usefixtures("captured")
def test_a_fit_is_not_saved_behind_a_step_that_is_not_finite(tmp_path: Path):
    saves = Saves(tmp_path, 3)
    with pytest.raises(NonFiniteLossError, match=r"step 1 \(epoch 0, batch 1\)"):
        fit(tmp_path, Breaks("loss", 1), saves)
    assert not saves.path.exists()


@pytest.mark.usefixtures("captured")
def test_a_long_epoch_ends_soon_after_a_step_that_is_not_finite(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(stepping_module, "_STEPS_BETWEEN_LOOKS", 2)
    trainer, module = tiny_trainer(tmp_path, 1, (Breaks("loss", 0),)), tiny_module(rules="mini-standard")
    with pytest.raises(NonFiniteLossError, match=r"step 0 \(epoch 0, batch 0\)"):
        trainer.fit(module, datamodule=tiny_data())
    assert trainer.fit_loop.epoch_loop.batch_idx == 1


class OwnStep(PylosModule):
    def training_step(self, batch, batch_index):
        return super().training_step(batch, batch_index)["loss"] * 2


class OwnClipping(PylosModule):
    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)


class Watched(PylosModule):
    """As a logger that watches gradients, or layers, makes it."""

    def on_fit_start(self):
        super().on_fit_start()
        self.seen = 0
        weight = next(self.network.parameters())
        weight.register_hook(lambda gradient: setattr(self, "seen", self.seen + 1))


class WatchedLayer(PylosModule):
    def on_fit_start(self):
        super().on_fit_start()
        self.network.register_forward_hook(lambda *given: None)


class Gradients(pl.Callback):
    def on_after_backward(self, trainer, pl_module):
        assert all(p.grad is not None for p in pl_module.parameters())


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (OwnStep, {}),
        (OwnClipping, {}),
        (Watched, {}),
        (WatchedLayer, {}),
        (PylosModule, {"callbacks": [Gradients()]}),
        (PylosModule, {"callbacks": [GradientAccumulationScheduler({1: 2})]}),
        (PylosModule, {"callbacks": [StochasticWeightAveraging(1e-3)]}),
        (PylosModule, {"accumulate_grad_batches": 2}),
        (PylosModule, {"precision": "bf16-mixed", "gradient_clip_val": None}),
        (PylosModule, {"detect_anomaly": True}),
        (functools.partial(PylosModule, training_precision="bfloat16"), {}),
    ],
)
def test_who_has_a_say_within_a_step_keeps_it(
    tmp_path: Path, kind: Callable[..., PylosModule], options: dict
):
    stepped = Stepped()
    callbacks = (stepped, *options.pop("callbacks", []))
    small = {"width": 16, "blocks": 1, "validation_simulations": 0, "training_precision": "float32"}
    given = getattr(kind, "keywords", {})
    module = kind(rules="mini-standard", **small | given)
    tiny_trainer(tmp_path, 1, callbacks, **options).fit(module, datamodule=tiny_data())
    assert stepped.captured == [False] * STEPS_PER_EPOCH


@pytest.mark.usefixtures("captured")
@pytest.mark.parametrize("name", ["AdamW", "SGD"])
def test_an_optimizer_that_a_command_names_makes_steps_of_its_own(tmp_path: Path, name: str):
    """`LightningCLI` gives it to the module itself, not to its class."""
    module, stepped = tiny_module(rules="mini-standard"), Stepped()
    make = getattr(torch.optim, name)
    module.configure_optimizers = lambda: make(module.parameters(), lr=1e-3)  # type: ignore[method-assign]
    tiny_trainer(tmp_path, 1, (stepped,)).fit(module, datamodule=tiny_data())
    assert stepped.captured == [False] * STEPS_PER_EPOCH


@pytest.mark.usefixtures("captured")
def test_a_fit_that_is_stopped_within_an_epoch_ends_at_what_was_not_finite(tmp_path: Path):
    class Stops(pl.Callback):
        def on_train_batch_end(self, trainer, *given):
            trainer.should_stop = trainer.global_step == 3

    module = tiny_module(rules="mini-standard")
    trainer = tiny_trainer(tmp_path, 1)
    trainer.callbacks = [Breaks("loss", 1), Stops()]  # nothing saves
    with pytest.raises(NonFiniteLossError, match=r"step 1 \(epoch 0, batch 1\)"):
        trainer.fit(module, datamodule=tiny_data(batches_per_epoch=9))


@pytest.mark.usefixtures("captured")
def test_the_memory_of_a_graph_is_given_back_at_once(tmp_path: Path, monkeypatch):
    """Without a look for cycles: the graph of an earlier fit must not end within the capture of the next one."""
    made: list[weakref.ref[Any]] = []

    class Noted(Launch):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(weakref.ref(self))

    monkeypatch.setattr(captured_step, "Launch", Noted)
    gc.disable()
    try:
        fit(tmp_path / "whole", epochs=1)
        assert made
        assert not any(launch() for launch in made)
        module = tiny_module(rules="mini-standard")
        with pytest.raises(NonFiniteLossError):
            tiny_trainer(tmp_path / "broken", 1, (Breaks("loss", 1),)).fit(module, datamodule=tiny_data())
        assert module.captured_step is not None
        tiny_trainer(tmp_path / "next", 1).fit(module, datamodule=tiny_data())
        assert not any(launch() for launch in made)
    finally:
        gc.enable()


ON_DEVICE = {"accelerator": "gpu", "devices": 1, "deterministic": "warn"}


@pytest.mark.gpu
def test_a_fit_on_a_device_resumes_from_the_midst_of_an_epoch_to_the_last_bit(tmp_path: Path):
    saves = Saves(tmp_path, 18)
    unbroken, stepped = fit(tmp_path / "unbroken", saves, steps=12, **ON_DEVICE)
    assert stepped.captured == [True] * 24
    resumed, _ = fit(tmp_path / "resumed", resume=saves.path, steps=12, **ON_DEVICE)
    assert_same_run(unbroken, resumed)


@pytest.mark.gpu
def test_a_fit_goes_from_the_host_to_a_device_and_back(tmp_path: Path):
    for epochs, options in enumerate(({}, ON_DEVICE, {}), 1):
        last = tmp_path / str(epochs - 1) / "last.ckpt"
        checkpoint, stepped = fit(
            tmp_path / str(epochs), epochs=epochs, resume=last if epochs > 1 else None, **options
        )
        assert stepped.captured == [bool(options)] * STEPS_PER_EPOCH
    steps = {float(state["step"]) for state in checkpoint["optimizer_states"][0]["state"].values()}
    assert steps == {3 * STEPS_PER_EPOCH}


@pytest.mark.gpu
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_fit_on_a_device_ends_at_what_is_not_finite(tmp_path: Path, what: str):
    """The gradient of a step that is still enqueued kernel by kernel; the loss of one in a graph."""
    with pytest.raises(NonFiniteLossError, match="at step 9" if what == "loss" else "at step 1"):
        fit(tmp_path, Breaks(what, 9 if what == "loss" else 1), steps=12, **ON_DEVICE)
    assert not (tmp_path / "last.ckpt").exists()
