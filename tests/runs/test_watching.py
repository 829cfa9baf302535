import os
import subprocess
import sys
from pathlib import Path

import pytest

from pylos.runs import watching
from pylos.runs.folder import locked
from pylos.runs.watching import find_runs, look_at, read_run

KEPT = Path(__file__).parents[2] / "lightning_logs"
CONFIG = "trainer: {max_epochs: 2}\nmodel: {rules: standard, width: 16}\ndata: {games_per_epoch: 6}\n"


def make_run(folder: Path, epochs: int = 1, config: str = CONFIG) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(config)
    write_metrics(folder, epochs)
    return folder


def write_metrics(folder: Path, epochs: int) -> None:
    rows = "".join(f"{4 * n + 4},{n},0.{n}\n" for n in range(epochs))
    (folder / "metrics.csv").write_text(f"step,epoch,train/loss\n{rows}")


def report_of(folder: Path, root: Path | None = None):
    return read_run(look_at(folder, root or folder))


def test_the_runs_that_are_kept():
    runs = find_runs(KEPT)
    assert list(runs)[:2] == ["reference", "reference/children"]
    report = report_of(runs["reference"], KEPT)
    assert (report.rules, report.epochs, report.max_epochs, report.state(False)) == (
        "standard",
        200,
        200,
        "finished",
    )
    assert report.rating()["elo"] == report.checkpoints[-1]["elo"] > 3000
    assert "eval/score_vs_perfect_as_first" in report.columns
    assert len(report.rows) == len(report.minutes) == 200
    assert report.error is None


def test_nested_runs_are_found_and_links_are_not_followed(tmp_path: Path):
    make_run(tmp_path / "runs" / "a" / "b")
    make_run(tmp_path / "runs" / "a")
    make_run(tmp_path / "elsewhere")
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    assert list(find_runs(tmp_path / "runs")) == ["a", "a/b"]
    assert list(find_runs(tmp_path / "elsewhere")) == ["elsewhere"]
    assert find_runs(tmp_path / "missing") == {}


def test_files_that_link_out_of_the_folder_are_not_read(tmp_path: Path):
    run = make_run(tmp_path / "runs" / "a")
    secret = tmp_path / "secret.csv"
    secret.write_text("step,secret\n4,1\n")
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").symlink_to(secret)
    (run / "checkpoints" / "last.ckpt").symlink_to(secret)
    report = report_of(run, tmp_path / "runs")
    assert report.columns == report.checkpoints == []


def test_states(tmp_path: Path):
    run = make_run(tmp_path)
    with locked(run / "checkpoints"):
        files = look_at(run, tmp_path)
        assert read_run(files).state(files.training) == "training"
    files = look_at(run, tmp_path)
    assert read_run(files).state(files.training) == "stopped"
    write_metrics(run, 2)
    assert report_of(run).state(False) == "finished"
    (run / "config-2.yaml").write_text(CONFIG.replace("2", "5"))  # it goes on, for longer
    assert report_of(run).state(False) == "stopped"
    assert report_of(run).max_epochs == 5


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("metrics.csv", "nonsense", "metrics.csv is damaged"),
        ("checkpoints/manifest.json", "{", "manifest.json is damaged"),
        ("config.yaml", "a: [", "config.yaml is damaged"),
        ("config.yaml", "[" * 5000, "config.yaml is damaged"),
        ("config.yaml", "a: !!bool x", "config.yaml is damaged"),
        ("config.yaml", "a: !!timestamp x", "config.yaml is damaged"),
        ("config.yaml", "[" * 100_000, "config.yaml is too large"),
    ],
)
def test_what_is_damaged_is_said_and_the_rest_shown(tmp_path: Path, name: str, content: str, said: str):
    run = make_run(tmp_path / "run")
    (run / name).write_text(content)
    report = report_of(run)
    assert report.error is not None
    assert said in report.error
    assert str(tmp_path) not in report.error
    assert (report.rows == []) == (name == "metrics.csv")
    assert (report.rules is None) == (name == "config.yaml")


def test_a_pipe_does_not_hang(tmp_path: Path):
    run = make_run(tmp_path)
    (run / "metrics.csv").unlink()
    os.mkfifo(run / "metrics.csv")
    assert "no regular file" in str(report_of(run).error)


def test_strange_values_are_not_told(tmp_path: Path):
    huge = "9" * 4000
    model = f"{{rules: [1], width: {huge}, blocks: .inf, learning_rate: {{}}}}"
    run = make_run(tmp_path, config=f"trainer: {{max_epochs: {huge}}}\nmodel: {model}\ndata: 3\n")
    (run / "metrics.csv").write_text(f"step,epoch,a,b\n4,1e300,nan,text\n8,{huge},inf,\n")
    report = report_of(run)
    assert (report.rules, report.max_epochs, report.config, report.epochs) == (None, None, {}, 0)
    assert report.rows == [[4.0, None, None, None], [8.0, None, None, None]]


def test_what_is_told_is_bounded(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(watching, "MOST_ROWS", 3)
    monkeypatch.setattr(watching, "_MOST_BYTES", 1000)
    run = make_run(tmp_path, epochs=10)
    assert [row[1] for row in report_of(run).rows] == [1.0, 5.0, 9.0]
    write_metrics(run, 200)
    assert report_of(run).error == "metrics.csv is too large to be shown"


def test_unchanged_files_are_not_read_again(tmp_path: Path):
    run = make_run(tmp_path)
    assert report_of(run) is report_of(run)
    write_metrics(run, 2)
    assert report_of(run).epochs == 2


def test_of_each_run_one_report_is_kept_and_not_for_ever(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(watching, "_reports", kept := {})
    monkeypatch.setattr(watching, "MOST_RUNS", 1)
    runs = [make_run(tmp_path / name) for name in "abc"]
    for epochs in (2, 3):
        write_metrics(runs[0], epochs)
        assert report_of(runs[0]).epochs == epochs
    assert list(kept) == runs[:1]
    for run in runs:
        report_of(run)
    assert list(kept) == runs[2:]


def test_a_run_in_python_tells_by_its_hyperparameters(tmp_path: Path):
    run = make_run(tmp_path)
    (run / "config.yaml").unlink()
    (run / "hparams.yaml").write_text("rules: children\nwidth: 8\ngames_per_epoch: 3\n")
    report = report_of(run)
    assert (report.rules, report.max_epochs) == ("children", None)
    assert report.config == {"width": 8, "games_per_epoch": 3}


def test_watching_needs_neither_lightning_nor_torch():
    code = f"from pathlib import Path; from pylos.runs.watching import *; root = Path({str(KEPT)!r})\n"
    code += "[read_run(look_at(f, root)) for f in find_runs(root).values()]; import sys; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"lightning", "torch", "tensorboard"} & set(modules)
