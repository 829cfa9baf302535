"""The presets, made so small that an epoch of them takes a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CONFIGS = Path(__file__).parents[2] / "configs"
PRESETS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
TINY: dict[str, dict[str, Any]] = {
    "trainer": {"max_epochs": 1, "accelerator": "cpu"},
    "data": {
        "games_per_epoch": 4,
        "parallel_games": 8,
        "simulations": 4,
        "buffer_size": 500,
        "batch_size": 16,
        "batches_per_epoch": 2,
        "validation_positions": 50,
        "test_games": 4,
    },
    "model": {"validation_simulations": 4, "width": 16, "blocks": 1},
}
EVALUATION = {"games": 2, "simulations": 2, "anchors": ["rollouts:2"], "every_n_epochs": 1}


def tiny_preset(name: str) -> str:
    """A preset as YAML, with other numbers and nothing else changed."""
    config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    for section, values in TINY.items():
        config[section].update(values)
    for callback in config["trainer"]["callbacks"]:
        if callback["class_path"] == "callbacks.EvaluationCallback":
            callback["init_args"].update(EVALUATION)
    return yaml.safe_dump(config)
