"""Every benchmark still runs; its figures are for `make bench`."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SMALL: dict[str, dict[str, int]] = {
    "checkpoint": {"REPEATS": 1},
    "epoch": {},
    "playouts": {"GAMES": 10},
    "selfplay": {"GAMES": 16, "SIMULATIONS": 4, "ROUNDS": 1},
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


@pytest.mark.parametrize("name", [name for name in SMALL if name != "epoch"])
def test_it_runs(name, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
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
