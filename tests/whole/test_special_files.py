"""What is no regular file, or may not be read, is refused, not waited for."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pylos.cli.main import main
from pylos.errors import PylosError
from pylos.game.board import Board
from pylos.network.checkpoints import load_checkpoint
from pylos.network.onnx_file import read_onnx
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.runs.manifest import Manifest
from pylos.runs.metrics_file import read_metrics
from pylos.solution.tables import open_table, read_header
from pylos.training.prediction import read_boards


@pytest.fixture
def in_time() -> None:
    """Fails a test that waits for something that never comes."""
    import signal

    def give_up(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


MAKERS = [make_pipe, make_device, make_socket, Path.mkdir]

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "checkpoint": ("a.ckpt", load_checkpoint),
    "exported network": ("a.onnx", read_onnx),
    "positions": ("a.txt", lambda path: read_boards(str(path), "standard")),
    "metrics": ("metrics.csv", read_metrics),
    "manifest": ("manifest.json", lambda path: Manifest.load(path.parent)),
    "table": ("mini-standard.values", read_header),
    "table's body": ("mini-standard.values", open_table),
}


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", READERS)
def test_what_is_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_time: None, kind: str, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    name, read = READERS[kind]
    make(tmp_path / name)
    with pytest.raises(PylosError) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "command",
    [
        ["match", "pipe.ckpt", "random"],
        ["fit", "-c", "quick", "--ckpt_path", "pipe.ckpt"],
        ["fit", "-c", "pipe.ckpt"],
        ["validate", "--ckpt_path", "pipe.ckpt"],
        ["analyse", "--ckpt_path", "pipe.ckpt"],
        ["predict", "--ckpt_path", "reference", "--data.positions", "pipe.ckpt"],
    ],
)
def test_commands_refuse_a_pipe_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_time: None, capsys, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.ckpt")
    assert main(command) == 2
    error = capsys.readouterr().err
    assert error.startswith("pylos: error: ")
    assert error.count("\n") == 1
    assert "pipe.ckpt" in error
    assert os.listdir() == ["pipe.ckpt"]


def test_a_pipe_among_the_checkpoints_of_a_run(tmp_path: Path, in_time: None) -> None:
    os.mkfifo(tmp_path / "a.ckpt")
    found, errors = find_checkpoints(tmp_path)
    assert (found, [str(error) for error in errors]) == (
        [],
        [f"no checkpoint {tmp_path / 'a.ckpt'}: It is no regular file"],
    )


@pytest.mark.parametrize(
    "read", [load_checkpoint, lambda path: read_boards(str(path), "standard"), read_metrics]
)
def test_a_file_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object]
) -> None:
    """For root nothing is forbidden."""
    path = tmp_path / "a.ckpt"
    path.touch()

    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(PylosError, match=rf"{path}.*Permission denied"):
            read(path)


def test_positions_may_come_from_windows(tmp_path: Path) -> None:
    path = tmp_path / "positions.txt"
    path.write_text("# Größe\r\n................/........./..../. w 0\r\n", encoding="utf-16", newline="")
    assert [board.text for board in read_boards(str(path), "standard")] == [Board().text]
