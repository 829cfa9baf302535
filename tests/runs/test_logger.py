import os
import warnings
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pylos.errors import CheckpointError
from pylos.runs.logger import RunLogger
from pylos.runs.metrics_file import read_metrics
from tests.support.power_cut import Disk
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def make(folder: Path) -> RunLogger:
    return RunLogger(str(folder), version="run")


def test_rows_and_columns(tmp_path: Path):
    logger = make(tmp_path)
    logger.log_metrics({"a": 0.1, "time/speed": 5.0}, step=4)
    logger.log_metrics({"b": 1e-9}, step=4)
    logger.log_metrics({"a": 1 / 3}, step=8)
    logger.log_metrics({"of a user": 2.0}, step=7)  # Lightning counts the same step so
    assert (
        tmp_path / "run" / "metrics.csv"
    ).read_text() == "step,a,b,of a user\n4,0.1,1e-09,\n8,0.333333333,,2\n"
    assert read_metrics(tmp_path / "run" / "metrics.csv") == [
        {"step": "4", "a": "0.1", "b": "1e-09"},
        {"step": "8", "a": "0.333333333", "of a user": "2"},
    ]


def test_a_resumed_run_forgets_what_comes_after_the_resume(tmp_path: Path):
    killed = make(tmp_path)
    for step in (4, 8, 12):
        killed.log_metrics({"a": float(step), "only before": 1.0}, step)
        killed.save()
    resumed = make(tmp_path)  # the first one never closed its file
    resumed.begin(4)
    for step in (8, 12, 16):
        resumed.log_metrics({"a": step + 0.5}, step)
        resumed.save()
    assert [(row["step"], row["a"]) for row in read_metrics(tmp_path / "run" / "metrics.csv")] == [
        ("4", "4"),
        ("8", "8.5"),
        ("12", "12.5"),
        ("16", "16.5"),
    ]
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("a")] == [(4, 4.0), (8, 8.5), (12, 12.5), (16, 16.5)]
    assert [e.step for e in events.Scalars("only before")] == [4]


def test_rows_are_in_the_order_of_steps_however_they_come(tmp_path: Path):
    logger = make(tmp_path)
    for step in (12, 4, 8):
        logger.log_metrics({"a": 1.0}, step)
    assert [row["step"] for row in read_metrics(tmp_path / "run" / "metrics.csv")] == ["4", "8", "12"]


def test_hyperparameters_are_written_whole(tmp_path: Path):
    logger = make(tmp_path)
    logger.log_hyperparams({"width": 3})
    logger.log_metrics({"a": 1.0}, 1)
    logger.save()
    assert (tmp_path / "run" / "hparams.yaml").read_text() == "width: 3\n"
    assert not list((tmp_path / "run").glob("*.part"))


@pytest.mark.parametrize(
    "content",
    [
        b"step;a\n4;0.1\n",
        b"a\n0.1\n",
        b"step,a\nfour,0.1\n",
        b"step,a\n4,0.1,7\n",
        b"step,a\n\xff,1\n",
        b"step,a\n,1\n",
        b"",
        b"plain text",
        b"step,a\n",
        ("step,a\n" + "9" * 5000 + ",1\n").encode(),
    ],
)
def test_a_file_that_something_else_wrote_is_refused_and_left_alone(tmp_path: Path, content: bytes):
    path = tmp_path / "run" / "metrics.csv"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"metrics\.csv is damaged: move it away"):
        make(tmp_path).begin(4)
    assert path.read_bytes() == content


def test_old_names_of_parts_are_read_as_the_new_ones(tmp_path: Path):
    path = tmp_path / "run" / "metrics.csv"
    path.parent.mkdir()
    path.write_text(
        "step,truth/policy_accuracy,truth/policy_accuracy/opening,selfplay/blunder_rate/ply_60_up\n4,0.5,0.25,1\n"
    )
    logger = make(tmp_path)
    logger.begin(4)
    logger.log_metrics({"truth/policy_accuracy_opening": 0.5}, step=8)
    assert read_metrics(path) == [
        {
            "step": "4",
            "truth/policy_accuracy": "0.5",
            "truth/policy_accuracy_opening": "0.25",
            "selfplay/blunder_rate_ply_60_up": "1",
        },
        {"step": "8", "truth/policy_accuracy_opening": "0.5"},
    ]
    assert "accuracy/" not in path.read_text()


ROWS = "step,a,b\n4,0.1,1\n8,0.2,\n"


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"nonsense",
        ROWS.encode()[:-1] + b"\xff",
        ROWS[: len(ROWS) // 2].encode(),
        b"step,a,b\n4,0.1,1\n",
        b"step,a,b\n4,0.1,1\n8,0.3,\n",
        b"step,a\n4,0.1\n8,0.2\n",
        ("step,a\n" + "9" * 5000 + ",1\n").encode(),
    ],
)
def test_a_file_that_lacks_what_the_checkpoint_knows_is_set_aside_and_written_again(
    tmp_path: Path, content: bytes | None
):
    path = tmp_path / "run" / "metrics.csv"
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{path} is .*; it is written again, from the checkpoint") as said:
        make(tmp_path).restore(ROWS)
    assert len(said) == 1
    assert path.read_text() == ROWS
    assert {other.name: other.read_bytes() for other in path.parent.iterdir() if other != path} == (
        {} if content is None else {"metrics.csv.old": content}
    )


def test_a_folder_or_pipe_in_its_place_is_set_aside_too(tmp_path: Path):
    path = tmp_path / "run" / "metrics.csv"
    path.mkdir(parents=True)
    make(tmp_path).restore(ROWS)
    path.unlink()
    os.mkfifo(path)
    make(tmp_path).restore(ROWS)
    assert path.read_text() == ROWS
    assert {other.name for other in path.parent.iterdir()} == {
        path.name,
        "metrics.csv.old",
        "metrics.csv.old1",
    }


@pytest.mark.parametrize("more", ["", "12,0.3,7\n"])
def test_a_file_that_holds_it_all_is_left_alone(tmp_path: Path, more: str):
    """It may hold more: what was logged after the checkpoint, or by a user for its last step."""
    path = tmp_path / "run" / "metrics.csv"
    path.parent.mkdir()
    content = ROWS.replace("8,0.2,", "8,0.2,5") + more
    path.write_text(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(tmp_path).restore(ROWS)
    assert path.read_text() == content


def test_every_truncation_is_noticed(tmp_path: Path):
    path = tmp_path / "run" / "metrics.csv"
    path.parent.mkdir()
    for length in range(len(ROWS) - 2):  # without the last comma or line break nothing is lost
        path.write_text(ROWS[:length])
        make(tmp_path).restore(ROWS)
        assert path.read_text() == ROWS, length


def test_a_checkpoint_with_another_history_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="no history of metrics"):
        make(tmp_path).restore("a,b\n1,2\n")


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_resumed_run_has_its_whole_history(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str):
    def fit(epochs: int, resume: bool = False, name: str = "run"):
        logger = RunLogger(str(tmp_path), version=name)
        trainer = tiny_trainer(tmp_path / name / "checkpoints", epochs, logger=logger, limit_val_batches=0)
        last = tmp_path / name / "checkpoints" / "last.ckpt"
        trainer.fit(
            tiny_module(width=8), datamodule=tiny_data(games_per_epoch=1), ckpt_path=last if resume else None
        )
        return tmp_path / name / "metrics.csv"

    path = fit(2)
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[: content.index(b"\n") + 20])
    with pytest.warns(UserWarning, match="it is written again, from the checkpoint"):
        fit(3, resume=True)
    assert path.read_bytes() == fit(3, name="straight").read_bytes()


def test_hyperparameters_that_a_power_cut_emptied_are_written_again(tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "hparams.yaml").touch()
    logger = make(tmp_path)
    logger.log_hyperparams({"width": 3})
    logger.save()
    assert (tmp_path / "run" / "hparams.yaml").read_text() == "width: 3\n"


def test_what_is_saved_survives_a_power_cut(tmp_path: Path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    disk = Disk(here)
    with disk.watched():
        logger = make(here)
        logger.begin(0)
        logger.log_hyperparams({"width": 3})
        for step in (4, 8):
            logger.log_metrics({"a": float(step)}, step)
            logger.save()
        resumed = make(here)
        resumed.begin(8)
        resumed.save()
    disk.leave(there)
    saved = {path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()}
    assert saved[Path("run/metrics.csv")] == b"step,a\n4,4\n8,8\n"
    assert saved[Path("run/hparams.yaml")] == b"width: 3\n"
    events = EventAccumulator(str(there / "run"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("a")] == [(4, 4.0), (8, 8.0)]
    assert len(list((there / "run").glob("events.out.tfevents.*"))) == 2
