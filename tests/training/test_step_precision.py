"""The precision of steps: measured once in a run, kept by its checkpoints, and never against the trainer's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.network.checkpoint_format import PRECISION_KEY
from pylos.training import step_precision
from pylos.training.step_precision import StepPrecision
from tests.support.training import STEPS_PER_EPOCH, tiny_data, tiny_module, tiny_trainer


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batch sizes for which precisions were compared: bfloat16 was faster each time."""
    sizes: list[int] = []
    monkeypatch.setattr(
        step_precision,
        "fastest_training_precision",
        lambda network, size: (sizes.append(size), "bfloat16")[1],
    )
    return sizes


class Outputs(pl.Callback):
    """Notes the kinds of numbers that the network gives."""

    def __init__(self) -> None:
        self.training: list[torch.dtype] = []
        self.others: set[torch.dtype] = set()

    def on_fit_start(self, trainer, pl_module):
        def note(module, given, answers):
            if trainer.training:
                self.training.append(answers[0].dtype)
            else:
                self.others.add(answers[0].dtype)

        pl_module.network.register_forward_hook(note)


def fit(folder: Path, option: str, epochs: int = 1, resume: Path | None = None, **changes: Any) -> Outputs:
    outputs = Outputs()
    trainer = tiny_trainer(folder, epochs, (outputs,), **changes)
    module = tiny_module(rules="mini-standard", training_precision=option)
    trainer.fit(module, datamodule=tiny_data(), ckpt_path=resume)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    assert len(outputs.training) == STEPS_PER_EPOCH
    return outputs


def kept(folder: Path) -> str:
    precision: str = torch.load(folder / "last.ckpt", weights_only=True)[PRECISION_KEY]
    return precision


def test_the_faster_one_is_measured_once_and_kept_by_the_run(tmp_path: Path, measured: list[int]):
    outputs = fit(tmp_path, "auto")
    assert measured == [32]
    assert (set(outputs.training), outputs.others) == ({torch.bfloat16}, {torch.float32})
    assert kept(tmp_path) == "bfloat16"
    again = fit(tmp_path, "auto", 2, tmp_path / "last.ckpt")
    assert (set(again.training), kept(tmp_path)) == ({torch.bfloat16}, "bfloat16")
    forced = fit(tmp_path, "float32", 3, tmp_path / "last.ckpt")
    assert (set(forced.training), kept(tmp_path)) == ({torch.float32}, "float32")
    assert measured == [32]


def test_a_run_of_an_older_version_goes_on_in_float32(tmp_path: Path, measured: list[int]):
    fit(tmp_path, "float32")
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    del checkpoint[PRECISION_KEY]
    torch.save(checkpoint, tmp_path / "old.ckpt")
    outputs = fit(tmp_path, "auto", 2, tmp_path / "old.ckpt")
    assert (set(outputs.training), kept(tmp_path), measured) == ({torch.float32}, "float32", [])


@pytest.mark.parametrize("option", ["auto", "float32", "bfloat16"])
@pytest.mark.parametrize(
    ("precision", "numbers"), [("bf16-mixed", torch.bfloat16), ("64-true", torch.float64)]
)
def test_a_precision_of_the_trainers_own_decides(measured, option: str, precision: str, numbers: torch.dtype):
    trainer = SimpleNamespace(precision=precision, is_global_zero=True, datamodule=tiny_data())
    steps, module = StepPrecision(option), SimpleNamespace(trainer=trainer, device=torch.device("cpu"))
    steps.begin_fit(module, torch.nn.Identity())
    matrix = torch.ones(2, 2, dtype=torch.float32 if numbers == torch.bfloat16 else numbers)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"), steps.context(module):
        assert (matrix @ matrix).dtype == numbers
    assert (measured, steps.name) == ([], "float32")


def on(device: str, **trainer: Any) -> SimpleNamespace:
    """A module on a device, as far as it matters here."""
    known = {"precision": "32-true", "is_global_zero": True, "datamodule": tiny_data()}
    known["strategy"] = SimpleNamespace(broadcast=lambda choice: choice)
    return SimpleNamespace(trainer=SimpleNamespace(**known | trainer), device=torch.device(device))


def test_on_other_devices_auto_is_float32_also_where_the_run_began_on_a_processor(measured: list[int]):
    steps = StepPrecision("auto")
    for device, expected in (("cuda", "float32"), ("cpu", "bfloat16"), ("cuda", "float32")):
        steps.begin_fit(on(device), torch.nn.Identity())
        assert steps.name == expected
    assert measured == [32]
    asked = StepPrecision("bfloat16")
    asked.begin_fit(on("cuda"), torch.nn.Identity())
    assert asked.name == "bfloat16"


def test_all_ranks_take_what_the_first_one_measures(measured: list[int]):
    sent = SimpleNamespace(broadcast=lambda choice: "bfloat16")
    steps = StepPrecision("auto")
    steps.begin_fit(on("cpu", is_global_zero=False, strategy=sent), torch.nn.Identity())
    assert (steps.name, measured) == ("bfloat16", [])


def test_without_our_batches_nothing_is_measured(measured: list[int]):
    steps, checkpoint = StepPrecision("auto"), {}
    steps.begin_fit(on("cpu", datamodule=None), torch.nn.Identity())
    steps.save(checkpoint)
    assert (steps.name, checkpoint, measured) == ("float32", {PRECISION_KEY: "auto"}, [])


@pytest.mark.parametrize("option", ["", "bf16-mixed", None, 16, ["float32"]])
def test_other_options_are_refused(option: Any):
    with pytest.raises(ConfigurationError, match="training_precision must be auto, float32 or bfloat16, got"):
        StepPrecision(option)
