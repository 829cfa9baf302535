"""Files are written whole or not at all, and what is no regular file is refused, not waited for."""

import errno
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pylos.cli.main import main
from pylos.errors import PylosError
from pylos.game.board import Board
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.runs.logger import read_metrics
from pylos.runs.manifest import Manifest
from pylos.solution.tables import open_table, read_header
from pylos.system.files import atomic_write, make_folder, open_regular, read_bytes, read_text, set_aside
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


def test_reading_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n\xff")
    (tmp_path / "link").symlink_to("a")
    assert read_bytes(tmp_path / "link") == b"1\n\xff"
    with open_regular(str(tmp_path / "a")) as file:
        assert list(file) == [b"1\n", b"\xff"]
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "missing")


def test_new_folders_are_on_disk_before_what_is_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []
    mkdir, fsync = os.mkdir, os.fsync
    monkeypatch.setattr(os, "mkdir", lambda path: (events.append(("mkdir", path)), mkdir(path)))
    monkeypatch.setattr(
        os, "fsync", lambda f: (events.append(("fsync", os.readlink(f"/proc/self/fd/{f}"))), fsync(f))
    )
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    a, b = str(tmp_path / "a"), str(tmp_path / "a" / "b")
    assert events == [("mkdir", a), ("fsync", str(tmp_path)), ("mkdir", b), ("fsync", a)]
    atomic_write(tmp_path / "a" / "c" / "file", "x")
    assert (tmp_path / "a" / "c" / "file").read_text() == "x"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_as_its_byte_order_mark_says(tmp_path, encoding):
    path = tmp_path / "positions.txt"
    path.write_text("# Größe\r\n................/........./..../. w 0\n", encoding=encoding)
    assert read_text(path).startswith("# Größe")
    assert [board.text for board in read_boards(str(path), "standard")] == [Board().text]


def test_a_full_disk_is_told_with_the_name_of_the_file_that_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=f"File too large: '{path}'"):
            atomic_write(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(other.name, other.read_text()) for other in tmp_path.iterdir()] == [("a", "before")]


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


def test_setting_aside_keeps_what_was_set_aside_before(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        (tmp_path / "a").write_text(content)
        set_aside(tmp_path / "a")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"a.old": "first", "a.old1": "second", "a.old2": "third"}


@pytest.mark.parametrize("content", ["grüße\n", b"\x00\xff", ""])
def test_atomic_write(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "file"
    path.write_text("a longer text that stood there before")
    atomic_write(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_content_is_on_disk_before_the_name_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut can undo cannot be tried here; the order of the system calls can."""
    path = tmp_path / "file"
    events = []
    fsync, rename = os.fsync, os.replace

    def recording_fsync(descriptor: int) -> None:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
        events.append(("fsync", target, os.path.getsize(target) if os.path.isfile(target) else None))
        fsync(descriptor)

    def recording_replace(source: str, target: str) -> None:
        events.append(("replace", source, target))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", recording_replace)
    atomic_write(path, b"12345")
    part = f"{path}.part"
    assert events == [("fsync", part, 5), ("replace", part, str(path)), ("fsync", str(tmp_path), None)]
