"""Training runs that take a second: small network, few games, everything else as in a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from callbacks import EvaluationCallback
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import NUM_ACTIONS
from pylos.runs.checkpoint_io import AtomicCheckpointIO
from pylos.selfplay.replay_buffer import Batch
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.module import PylosModule

STEPS_PER_EPOCH = 4
CONFIG = """
trainer:
  max_epochs: {max_epochs}
  accelerator: cpu
  devices: 1
  gradient_clip_val: 1.0
  logger:
    class_path: pylos.RunLogger
    init_args: {{save_dir: logs, name: "", version: run}}
  callbacks:
    - class_path: callbacks.EvaluationCallback
      init_args: {{games: {evaluation_games}, simulations: {simulations}, anchors: ["rollouts:4"]}}
    - class_path: lightning.pytorch.callbacks.ModelCheckpoint
      init_args:
        monitor: eval/elo
        mode: max
        save_top_k: 2
        filename: best-{{step:06d}}
        auto_insert_metric_name: false
        enable_version_counter: false
    - class_path: callbacks.Report
    - class_path: callbacks.LastCheckpoint
model: {{width: 16, blocks: 1, schedule_steps: 40, validation_simulations: 4, training_precision: float32}}
data:
  games_per_epoch: {games}
  parallel_games: {games}
  simulations: {simulations}
  batch_size: 16
  batches_per_epoch: {batches_per_epoch}
  buffer_size: 1500
  validation_positions: 50
  test_games: 4
  inference_precision: float32
"""
"""A configuration for the command, with places for numbers."""


def config_text(
    max_epochs: int, games: int, evaluation_games: int, simulations: int, batches_per_epoch: int
) -> str:
    """A configuration of a small run into logs/run."""
    return CONFIG.format(**locals())


def tiny_module(**changes: Any) -> PylosModule:
    pl.seed_everything(0, verbose=False)
    settings = {
        "width": 16,
        "blocks": 1,
        "schedule_steps": 4 * STEPS_PER_EPOCH,
        "validation_simulations": 4,
        "training_precision": "float32",
    }
    return PylosModule(**{**settings, **changes})


def tiny_data(**changes: Any) -> SelfPlayDataModule:
    settings = {
        "games_per_epoch": 6,
        "parallel_games": 8,
        "simulations": 4,
        "buffer_size": 1000,
        "batch_size": 32,
        "batches_per_epoch": STEPS_PER_EPOCH,
        "validation_positions": 50,
        "test_games": 4,
        "inference_precision": "float32",
        "search_threads": 1,
    }
    return SelfPlayDataModule(**{**settings, **changes})


def tiny_evaluation(**changes: Any) -> EvaluationCallback:
    return EvaluationCallback(**{"games": 4, "simulations": 4, "anchors": ("rollouts:4",), **changes})


def random_batch(size: int, seed: int, device: str = "cpu") -> Batch:
    generator = torch.Generator().manual_seed(seed)
    policy, legal = torch.rand(2, size, NUM_ACTIONS, generator=generator)
    policy = policy * (legal > 0.5)
    parts = (
        torch.rand(size, OBSERVATION_SIZE, generator=generator),
        policy / policy.sum(1, keepdim=True),
        legal > 0.5,
        torch.rand(size, 1, generator=generator) * 2 - 1,
    )
    return Batch(*(part.to(device) for part in parts))


def tiny_trainer(
    folder: Path, max_epochs: int = 2, callbacks: tuple[Callback, ...] = (), **changes: Any
) -> pl.Trainer:
    checkpoints = ModelCheckpoint(folder, filename="last", save_top_k=1, enable_version_counter=False)
    return pl.Trainer(
        **{
            "accelerator": "cpu",
            "max_epochs": max_epochs,
            "default_root_dir": folder,
            "logger": False,
            "callbacks": [*callbacks, checkpoints],
            "plugins": [AtomicCheckpointIO()],
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "gradient_clip_val": 1.0,
            **changes,
        }
    )


def assert_equal(a: Any, b: Any, where: str = "checkpoint") -> None:
    """Equality of nested states to the last bit, naming the place that differs."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}[{i}]")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where
