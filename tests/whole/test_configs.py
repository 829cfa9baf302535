"""Every preset is read by the real command line, and run for two tiny epochs."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
import yaml

from pylos.cli.main import main
from pylos.runs.manifest import Manifest
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.schedule import planned_steps
from tests.support.presets import CONFIGS, PRESETS, tiny_preset


def test_there_are_the_three_presets():
    assert PRESETS == ["gpu", "laptop", "quick"]


@pytest.mark.parametrize("preset", PRESETS)
def test_cosine_ends_with_the_training(preset: str):
    config = yaml.safe_load((CONFIGS / f"{preset}.yaml").read_text())
    assert config["model"]["schedule_steps"] is None
    data = SelfPlayDataModule(batches_per_epoch=config["data"]["batches_per_epoch"])
    trainer = pl.Trainer(max_epochs=config["trainer"]["max_epochs"], accelerator="cpu", logger=False)
    trainer.datamodule = data
    assert planned_steps(trainer) == {"quick": 4320, "laptop": 80_000, "gpu": 480_000}[preset]


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_trains_for_two_tiny_epochs(preset: str, tmp_path: Path, capsys):
    file = tmp_path / f"{preset}.yaml"
    file.write_text(tiny_preset(preset))
    changes = ["--trainer.max_epochs", "2", "--trainer.logger.init_args.save_dir", str(tmp_path)]
    assert main(["fit", "-c", str(file), *changes]) == 0
    checkpoints = tmp_path / preset / "checkpoints"
    state = torch.load(checkpoints / "last.ckpt", weights_only=True)
    assert state["epoch"] == 1
    assert state["global_step"] == 4
    assert [entry.status for entry in Manifest.load(checkpoints).entries.values()] == ["evaluated"] * 2
    assert "epoch 2/2" in capsys.readouterr().out
