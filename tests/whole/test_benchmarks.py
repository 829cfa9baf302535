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
    "gpu_summary": {},
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
    module.main("quick", "5", *(f"--{name}={value}" for name, value in small.items()))
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
    "model.width": 16,
    "data.games_per_epoch": 16,
    "data.parallel_games": 16,
    "data.batches_per_epoch": 4,
}
learning.ANCHOR, learning.GAMES, learning.PLAY_SIMULATIONS = "random", 10, 2
options = ["0.01", "1", "mix", "--rules", "mini-standard", "--from", "0.01", "--folder", sys.argv[2]]
options = learning.read_options(options)
print(json.dumps([learning.train(options, variant, 0) for variant in ("start", "mix")]))
"""


def test_a_variant_goes_on_from_a_start_for_its_time_and_is_judged(tmp_path):
    # In a process of its own, because it sets the number of threads.
    command = [sys.executable, "-c", LEARN, str(FOLDER), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    start, found = json.loads(done.stdout.splitlines()[-1])
    assert [path.name for path in tmp_path.iterdir()] == ["quick-mini-standard-0-0.01-of-0.02.ckpt"]
    for one in (start, found):
        assert set(load("learning").COLUMNS) <= set(one)
        assert 0.01 < one["minutes"] < 0.1
    assert found["epochs"] > start["epochs"] >= 1


def test_a_variant_that_there_is_not_is_refused(capsys):
    with pytest.raises(SystemExit):
        load("learning").read_options(["1", "1", "mixt"])
    assert "there is no variant mixt; there are: preset, " in capsys.readouterr().err


GPU_STAGES = {
    "works": (
        60,
        ["-c", "print('simulations/s, device 45,000,000   0.55 of the network alone; searching 1.00')"],
    ),
    "breaks": (60, ["-c", "import os; os.abort()"]),
    "hangs": (
        5,
        ["-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])"],
    ),
    "is late": (60, ["-c", ""]),
}


def test_a_stage_on_a_gpu_ends_no_other_and_the_summary_is_written_after_each(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    gpu = load("gpu")
    monkeypatch.setattr(gpu, "STAGES", GPU_STAGES)
    monkeypatch.setattr(gpu, "LEAST", 0.5)
    gpu.run_all(["works", "breaks", "hangs"], tmp_path, 100)
    ends = (tmp_path / "summary.txt").read_text().splitlines()[-3:]
    assert ends[0].startswith("works: exit code 0, ")
    assert ends[1].startswith("breaks: exit code -6, ")
    assert ends[2].startswith("hangs: stopped after 5 s, ")
    assert "Fatal Python error: Aborted" in (tmp_path / "hangs.txt").read_text()  # and where it was
    gpu.run_all(["is late"], tmp_path, 0.1)
    assert capsys.readouterr().out.endswith("\nis late: no time left\n")


GPU_RESULTS = {
    "selfplay": "simulations/s, device          45,000,000   0.45 of the network alone; searching 0.98, waiting 0.90",
    "training": "256 x 4, the step alone: 0.90 ms\n256 x 4, in one launch: 1.23 ms a step",
    "epoch": "gpu: 20.0 s an epoch, 70 s in all\n"
    "self-play         12.00 s    60.0%\n"
    "training           6.40 s    32.0%",
    "peers": "mctx and pgx (JAX), 4,096 games             531.0    0.1000\n"
    "mctx and pgx (JAX), 16,384 games           1,062.0    0.2000\n"
    "mctx and pgx (JAX), 65,536 games     left out: RESOURCE_EXHAUSTED",
    "tests": "FAILED tests/a.py::b\n=== 2 failed, 30 passed, 1 error in 61.20s (0:01:01) ===",
}


def test_the_summary_says_what_was_found_on_a_gpu_beside_what_it_should_be(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(FOLDER)
    gpu = load("gpu")
    assert gpu.summary(tmp_path).count("not run") == 8
    for stage, text in GPU_RESULTS.items():
        (tmp_path / f"{stage}.txt").write_text(text + "\n")
    assert gpu.arguments_of("fit", tmp_path)[-4:] == [
        "--trainer.max_epochs",
        "44",  # of 6.6 s each
        "--trainer.logger.init_args.save_dir",
        str(tmp_path),
    ]
    (tmp_path / "gpu").mkdir()
    (tmp_path / "gpu" / "metrics.csv").write_text(
        "step,truth/policy_accuracy,truth/search_accuracy\n1,0.9,0.95\n2,0.95,0.981\n3,,\n"
    )
    found = [line[54:].split() for line in gpu.summary(tmp_path).splitlines()[1:]]
    assert [line[0] + " " + line[-1] for line in found] == [
        "45 met",
        "0.45 MISSED",
        "5 met",
        "1.23 met",
        "0.95 met",
        "0.981 MISSED",
        "8 met",
        "3 MISSED",
    ]


def test_what_a_gpu_needs_is_found(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(FOLDER)
    gpu = load("gpu")
    assert {"torch", "lightning", "jsonargparse", "uvicorn", "numba-cuda", "triton"} < set(gpu.packages())
    found = [Path(path).name for path in gpu.arguments_of("tests", tmp_path) if path.endswith(".py")]
    assert {"test_device_search.py", "test_captured_step.py", "test_searches.py"} < set(found)
    assert "test_board.py" not in found
