"""Every benchmark still runs; its figures are for `make bench`."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
SMALL: dict[str, dict[str, Any]] = {
    "checkpoint": {"REPEATS": 1},
    "device_search": {"SIZES": (64,), "MIDDLE": 64, "SIMULATIONS": 4, "SECONDS": 0.01},
    "engine": {"AT_ONCE": 16, "ALONE": 2, "SIMULATIONS": 4},
    "environments": {"SIZES": (1, 300), "ROUNDS": 1, "SECONDS": 0.01, "PGX_GAMES": ()},
    "epoch": {},
    "gpu": {"STAGES": {}},
    "learning": {},
    "levels": {"GAMES": 2},
    "network": {
        "SIZES": {"cpu": ((64, 1),), "cuda": ((64, 1),)},
        "ROWS": {"cpu": (8,), "cuda": (8,)},
        "MATRIX": {"cpu": 64, "cuda": 64},
        "SECONDS": 0.001,
    },
    "openspiel": {"SECONDS": 0.1, "GAMES": 2, "PLAYER": "reference:2", "SIMULATIONS": (2,)},
    "play": {"MOVES": 2, "TABS": 2, "TURNS": 1, "THINKING_SECONDS": 0.1, "CHROMIUM": ()},
    "playouts": {"GAMES": 10},
    "ranks": {
        "ROUNDS": 1,
        "OPTIONS": {
            "--trainer.max_epochs": "3",
            "--trainer.accelerator": "cpu",
            "--trainer.strategy": "ddp",
            "--trainer.limit_val_batches": "0",
            "--model.rules": "mini-standard",
            "--model.width": "16",
            "--data.games_per_epoch": "8",
            "--data.parallel_games": "8",
            "--data.batches_per_epoch": "2",
        },
    },
    "ratings": {"EVALUATIONS": (3,)},
    "search": {"GAMES": 8, "SIMULATIONS": 4, "PLIES": 2},
    "selfplay": {"GAMES": {"cpu": 16, "cuda": 16}, "SIMULATIONS": 4, "ROUNDS": 1},
    "startup": {
        "ROUNDS": 1,
        "WARM_UPS": 0,
        "SUFFIXES": {"onnxruntime": ".onnx"},
        "POSITIONS": 16,
        "SIMULATIONS": 2,
        "CALLS": 1,
        "EVERY": 100,
        "RULE_SETS": ("children",),
    },
    "strength": {"SIMULATIONS": (0, 2), "MATCHES": {"random": 2}, "POSITIONS": 64},
    "tablebase": {"POSITIONS": 100},
    "training": {"CAPACITY": 1000, "STEPS": 2, "ROUNDS": 1},
}
"""The sizes that a test has time for."""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_benchmark_is_forgotten():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("name", [name for name, sizes in SMALL.items() if sizes])
def test_it_runs(name, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(FOLDER)
    module = load(name)
    for constant, value in SMALL[name].items():
        monkeypatch.setattr(module, constant, value)
    module.main()
    assert capsys.readouterr().out


def test_the_parts_of_an_epoch_are_all_measured(capsys):
    small = {
        "model.rules": "mini-standard",
        "model.width": 16,
        "data.games_per_epoch": 16,
        "data.parallel_games": 16,
        "data.batches_per_epoch": 4,
        "data.validation_positions": 32,
    }
    module = load("epoch")
    module.main("quick", "3", *(f"--{name}={value}" for name, value in small.items()))
    out = capsys.readouterr().out
    shown = {line[:12].strip(): float(line[12:].split()[0]) for line in out.splitlines() if " s   " in line}
    assert set(shown) == {
        "self-play",
        "training",
        "validation",
        "evaluation",
        "blunders",
        "checkpoints",
        "the rest",
    }
    assert min(shown[name] for name in ("self-play", "training", "validation", "evaluation")) > 0
    assert shown["the rest"] < sum(shown.values()) / 2


LEARN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import learning

learning.SMALLER = {
    "model.rules": "mini-standard",
    "model.width": 16,
    "data.games_per_epoch": 16,
    "data.parallel_games": 16,
    "data.batches_per_epoch": 4,
}
learning.ANCHOR, learning.GAMES, learning.PLAY_SIMULATIONS = "random", 10, 2
print(json.dumps(learning.train("puct", 0, 0.01)))
"""


def test_a_variant_learns_for_its_time_and_is_judged():
    # In a process of its own, because it sets the number of threads.
    command = [sys.executable, "-c", LEARN, str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(load("learning").COLUMNS) <= set(found)
    assert 0.01 < found["minutes"] < 0.1
    assert found["epochs"] >= 1
