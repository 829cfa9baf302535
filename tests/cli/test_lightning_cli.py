import json
import logging
import os
import re
import resource
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import pytest
import torch
from lightning_utilities.core.rank_zero import rank_zero_only

from pylos.cli.lightning_cli import prediction_line
from pylos.cli.main import main
from pylos.game.rules import FULL_RULES
from pylos.network.checkpoints import read_progress
from tests.support.commands import ENVIRONMENT, PYLOS, assert_refused, run_pylos, snapshot
from tests.support.training import config_text

TINY = config_text(max_epochs=2, games=4, evaluation_games=4, simulations=2, batches_per_epoch=4)

LAST = Path("logs/run/checkpoints/last.ckpt")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main() replaces it
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


def test_a_judged_position():
    policy = dict.fromkeys("abcdefg", 0.1)
    assert (
        prediction_line("text", 0.5, policy) == "text | value +0.500 | a 0.10, b 0.10, c 0.10, d 0.10, e 0.10"
    )
    assert prediction_line("text", -1.0, {}) == "text | value -1.000 | the game is over"


def test_going_on_with_a_run_is_refused_where_that_may_not_be_meant(folder, capsys):
    assert main(["fit", "-c", "tiny.yaml", "--trainer.max_epochs", "2"]) == 0
    shutil.copytree("logs/run", "logs/copy")
    before = {name: snapshot(Path("logs", name)) for name in ("run", "copy")}
    capsys.readouterr()

    def refuse(*arguments: str) -> str:
        assert main(["fit", *arguments, "--ckpt_path", "last"]) == 2
        assert {name: snapshot(Path("logs", name)) for name in ("run", "copy")} == before
        return capsys.readouterr().err

    assert "goes on with another run, logs/run: " in refuse("-c", "logs/copy/config.yaml")
    assert "has 2 epochs behind it" in refuse("-c", "tiny.yaml", "--trainer.max_epochs", "1")
    arguments = ["-c", "logs/copy/config.yaml", "--trainer.logger.init_args.version", "copy"]
    arguments += ["--trainer.max_epochs", "3", "--data.buffer_size", "20"]
    with pytest.warns(UserWarning, match="of its samples the oldest"):
        assert main(["fit", *arguments, "--ckpt_path", "last"]) == 0
    assert snapshot(Path("logs/run")) == before["run"]


def test_an_opponent_that_cannot_be_loaded_is_refused_before_the_folder_of_the_run_is_touched(folder, capsys):
    Path("bad.ckpt").write_text("nonsense")
    Path("tiny.yaml").write_text(TINY.replace("rollouts:4", "bad.ckpt:4"))
    assert main(["fit", "-c", "tiny.yaml"]) == 2
    assert capsys.readouterr().err == "pylos: error: bad.ckpt is not a checkpoint\n"
    assert sorted(path.name for path in Path().iterdir()) == ["bad.ckpt", "tiny.yaml"]


def test_an_epoch_is_saved_whose_line_cannot_be_printed(folder):
    command = f"{PYLOS} fit -c tiny.yaml --trainer.max_epochs 3 > /dev/full"
    result = subprocess.run(["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True)
    assert result.returncode == 2
    assert (
        result.stderr.splitlines()[-1]
        == "pylos: error: [Errno 28] No space left on device: 'standard output'"
    )
    assert read_progress("logs/run/checkpoints/last.ckpt")[0] == 0


def test_a_file_where_the_run_should_lie(folder, capsys):
    Path("logs").touch()
    assert main(["fit", "-c", "tiny.yaml"]) == 2
    captured = capsys.readouterr()
    assert_refused(
        subprocess.CompletedProcess([], 2, captured.out, captured.err), "Not a directory", "logs/run"
    )


def test_the_help_of_fit_names_the_options_and_their_choices(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")  # no word is broken at its hyphen
    assert main(["fit", "--help"]) == 0
    words = capsys.readouterr().out.split()
    for option in ("--model.width", "--data.root", "--data.simulations", "--optimizer"):
        assert option in words
    text = " ".join(words)
    for name in (*FULL_RULES, "float32", "bfloat16", "puct", "gumbel"):
        assert re.search(rf"[ \"]{name}[;,.: \"]", text), name
    assert "The checkpoint to go on from: last, the run's last checkpoint; auto, " in text
    assert "A class of your own" in text
    assert "Model Registry" not in text
    assert main(["predict", "--help"]) == 0
    assert "reference, the agent that ships" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--nonsense"], ["--nonsense"]),
        (["-c", "missing.yaml"], ["missing.yaml", "quick"]),
        (["-c", "tiny.yaml", "--model.nonsense", "1"], ["model.nonsense"]),
        (["-c", "tiny.yaml", "--model", "no.Module"], ["model: ", "No module named 'no'"]),
        (["-c", "tiny.yaml", "--model", "torch.nn.Linear"], ["model: ", "not correspond to a subclass"]),
        (["-c", "tiny.yaml", "--optimizer.lr", "1"], ["no option optimizer.lr"]),
        (["-c", "tiny.yaml", "--seed_everything", "-1"], ["seed_everything: -1"]),
        (["-c", "tiny.yaml", "--seed_everything", "5000000000"], ["seed_everything: 5000000000"]),
        (["-c", "tiny.yaml", "--trainer.devices", "x"], ["devices"]),
        (["-c", "tiny.yaml", "--trainer.devices", "[9]"], ["devices"]),
        (["-c", "tiny.yaml", "--model.width", "wide"], ["model.width", "wide"]),
        (["-c", "tiny.yaml", "--trainer.max_epochs", "many"], ["trainer.max_epochs", "many"]),
        (["-c", "tiny.yaml", "--trainer.accelerator", "abacus"], ["abacus"]),
        (["-c", "tiny.yaml", "--trainer.accelerator", "tpu"], ["torch_xla"]),
        (["-c", "tiny.yaml", "--trainer.max_time", "soon"], ["soon"]),
        (["-c", "tiny.yaml", "--model.learning_rate", "1e38"], ["learning_rate", "1e+38"]),
        (["-c", "tiny.yaml", "--model.weight_decay", "-1"], ["weight_decay"]),
        (["-c", "tiny.yaml", "--trainer.logger.init_args.nonsense", "1"], ["nonsense"]),
        (["-c", "tiny.yaml", "--model.rules", "nonsense"], ["unknown rule set 'nonsense'"]),
        (["-c", "tiny.yaml", "--ckpt_path", "missing.ckpt"], ["missing.ckpt"]),
        (["-c", "tiny.yaml", "--ckpt_path", "last"], ["holds no run to resume", "--ckpt_path auto"]),
        (["-c", "tiny.yaml", "--data.buffer_size", str(10**9)], ["GB", "lower buffer_size"]),
        (["-c", "tiny.yaml", "--trainer.logger", "true", "--ckpt_path", "last"], ["a logger with a version"]),
        (["-c", "tiny.yaml", "--trainer.strategy", "ddp_spawn", "--trainer.devices", "2"], ["ddp does"]),
        (["-c", "tiny.yaml", "--trainer.strategy", "ddp_fork"], ["ddp does"]),
        ([], ["-c quick"]),
        (["--ckpt_path", "last"], ["-c quick"]),
    ],
)
def test_fit_refuses_bad_input(folder, capsys, arguments, parts):
    assert main(["fit", *arguments]) == 2
    captured = capsys.readouterr()
    assert_refused(subprocess.CompletedProcess(arguments, 2, captured.out, captured.err), *parts)
    assert os.listdir() == ["tiny.yaml"]


def test_last_is_refused_where_there_is_data_without_it(folder, capsys):
    run = Path("logs/run")
    run.mkdir(parents=True)
    (run / "metrics.csv").write_text("precious")
    assert main(["fit", "-c", "tiny.yaml", "--ckpt_path", "last"]) == 2
    assert "last.ckpt" in capsys.readouterr().err
    assert snapshot(run) == {run / "metrics.csv": b"precious"}


def test_a_full_disk_keeps_the_previous_checkpoint_and_names_the_reason(folder, capsys):
    arguments = ["fit", "-c", "tiny.yaml", "--ckpt_path", "auto"]
    assert main([*arguments, "--trainer.max_epochs", "1"]) == 0
    before = LAST.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (len(before) - 20_000, hard)
    )  # the kernels' cache is written already
    try:
        assert main(arguments) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("pylos: error: cannot write ")
    assert error.endswith("File too large; what was there before is untouched")
    assert LAST.read_bytes() == before
    assert not list(LAST.parent.glob("*.part"))
    assert main(arguments) == 0
    assert torch.load(LAST, weights_only=True)["epoch"] == 1


def run_here(capfd, *arguments: str | Path) -> subprocess.CompletedProcess:
    """The command in this process, which saves its start."""
    capfd.readouterr()
    code = main(list(map(str, arguments)))
    return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())


def test_a_run_from_beginning_to_end(folder, capfd):
    first = run_pylos("fit", "-c", "tiny.yaml", "--ckpt_path", "auto")
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert [line[:9] for line in lines[:2]] == ["epoch 1/2", "epoch 2/2"]
    assert all("vs random" in line and "Elo" in line and "loss value" in line for line in lines[:2])
    assert any("last checkpoint" in line and str(LAST) in line for line in lines)
    assert "Traceback" not in first.stderr
    before = snapshot(Path("logs/run"))
    assert {path.name for path in before} >= {"last.ckpt", "best-000004.ckpt", "manifest.json", "config.yaml"}
    assert not Path("logs/run/checkpoints/first-epoch.json").exists()

    assert_refused(
        run_here(capfd, "fit", "-c", "tiny.yaml"), "--ckpt_path last", "--trainer.logger.init_args.version"
    )
    assert_refused(
        run_here(capfd, "fit", "-c", "tiny.yaml", "--ckpt_path", "last", "--model.width", "8"), "last.ckpt"
    )
    assert snapshot(Path("logs/run")) == before

    longer = ["fit", "-c", "tiny.yaml", "--ckpt_path", "last", "--trainer.max_epochs", "4"]
    second = run_here(capfd, *longer)
    assert second.returncode == 0, second.stderr
    assert [line[:9] for line in second.stdout.splitlines()[:2]] == ["epoch 3/4", "epoch 4/4"]
    assert torch.load(LAST, weights_only=True)["epoch"] == 3
    assert Path("logs/run/config.yaml").read_bytes() == before[Path("logs/run/config.yaml")]
    assert "max_epochs: 4" in Path("logs/run/config-2.yaml").read_text()

    done = run_here(capfd, *longer)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "\n".join(second.stdout.splitlines()[2:]).strip()
    assert not Path("logs/run/config-3.yaml").exists()

    manifest = Path("logs/run/checkpoints/manifest.json")
    manifest.unlink()
    evaluated = run_here(capfd, "evaluate", "logs/run", "--games", "2", "--simulations", "1")
    assert evaluated.returncode == 0, evaluated.stderr
    assert {entry["status"] for entry in json.loads(manifest.read_text())["entries"]} == {"evaluated"}
    assert "Elo" in evaluated.stdout.splitlines()[-1]
    values = json.loads(manifest.read_text())
    gone = {"step": 1, "epoch": 0, "file": None, "status": "failed", "reason": "x", "matches": [], "games": 0}
    values["entries"].insert(0, {**values["entries"][0], **gone})
    manifest.write_text(json.dumps(values))
    again = run_here(capfd, "evaluate", "logs/run")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("nothing was left to evaluate")

    match = run_here(capfd, "match", f"{LAST}:2", "random", "--games", "4")
    assert match.stdout.startswith(f"{LAST}:2 vs random: "), match.stderr

    # The network's sizes come from the checkpoint.
    validated = run_here(capfd, "validate", "--ckpt_path", LAST, "--trainer.limit_val_batches", "1")
    assert "search (4)" in validated.stdout, validated.stderr
    tested = run_here(capfd, "test", "--ckpt_path", LAST)
    assert "test/value_loss" in tested.stdout, tested.stderr

    Path("positions.txt").write_text(
        "................/........./..../. w 0\nw.............../........./..../. b 0\n"
    )
    predicted = run_here(capfd, "predict", "--ckpt_path", LAST, "--data.positions", "positions.txt")
    assert [line.split(" | ")[0] for line in predicted.stdout.splitlines()] == Path(
        "positions.txt"
    ).read_text().splitlines()


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_a_checkpoint_is_needed_to_measure_one(command, capsys):
    assert main([command]) == 2
    assert (
        capsys.readouterr().err == f"pylos: error: {command} needs a checkpoint: name one with --ckpt_path\n"
    )


def test_flags_win_over_the_checkpoint(folder, capsys):
    assert main(["fit", "-c", "tiny.yaml", "--trainer.max_epochs", "1"]) == 0
    options = ["--ckpt_path", str(LAST), "--model.weight_decay", "0.5", "--trainer.max_epochs", "2"]
    assert main(["fit", *options, "--trainer.accelerator", "cpu", "--trainer.logger", "false"]) == 0
    (again,) = Path("checkpoints").glob("*.ckpt")
    parameters = torch.load(again, weights_only=True)["hyper_parameters"]
    assert (parameters["weight_decay"], parameters["width"]) == (0.5, 16)


STOPPING = {"monitor": "train/loss", "verbose": True}


@pytest.mark.parametrize(
    "options",
    [
        ["--trainer.enable_progress_bar", "false", "--trainer.profiler", "simple"],
        ["--trainer.callbacks+=RichProgressBar"],
        ["--trainer.callbacks+=TQDMProgressBar"],
    ],
)
def test_the_report_stands_back_for_another_bar_or_none(folder, capsys, caplog, monkeypatch, options):
    # Imported where the program had no log of its own, Lightning keeps its messages to itself.
    monkeypatch.setattr(logging.getLogger("lightning.pytorch"), "propagate", True)
    caplog.set_level(logging.INFO, "lightning.pytorch")  # whatever other tests have made of it
    stopping = f"--trainer.callbacks+={json.dumps({'class_path': 'EarlyStopping', 'init_args': STOPPING})}"
    assert main(["fit", "-c", "tiny.yaml", "--trainer.max_epochs", "1", stopping, *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("epoch 1/1 | ") for line in lines) == 1
    # Lightning says what it was asked for, and advertises nothing.
    assert ("FIT Profiler Report" in caplog.text) == ("simple" in options)
    assert "Metric train/loss improved" in caplog.text
    assert "Tip" not in caplog.text
    assert "GPU available" not in caplog.text


def start(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [PYLOS, "fit", "-c", "tiny.yaml", *arguments],
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.parametrize("way", [(), ("--ckpt_path", "last")])
def test_a_run_killed_in_its_first_epoch_starts_again(folder, capfd, way):
    process = start("--data.games_per_epoch", "10000")
    wait_for(Path("logs/run/config.yaml"), process)
    process.kill()
    process.communicate()
    assert not LAST.exists()
    # What it left is no run: the same start again, with or without --ckpt_path.
    again = run_here(capfd, "fit", "-c", "tiny.yaml", *way, "--trainer.max_epochs", "1")
    assert again.returncode == 0, again.stderr
    assert LAST.exists()
    assert not Path("logs/run/checkpoints/first-epoch.json").exists()


def test_a_process_that_trains_alone_logs_whatever_rank_it_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main() replaces it
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # as Lightning sets it from there while it is imported
    (tmp_path / "tiny.yaml").write_text(
        config_text(max_epochs=1, games=4, evaluation_games=2, simulations=1, batches_per_epoch=2)
    )
    assert main(["fit", "-c", "tiny.yaml"]) == 0
    assert (tmp_path / "logs/run/metrics.csv").exists()
