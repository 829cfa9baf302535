"""Files are written whole or not at all."""

import os
import resource
import threading
import time
from pathlib import Path

import pytest

from pylos.system import files
from pylos.system.files import atomic_write, make_folder, open_regular, read_bytes, read_text, set_aside


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
    path.write_text("# Größe\r\nw\n", encoding=encoding, newline="")
    assert read_text(path) == "# Größe\r\nw\n"


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


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    waits = threading.Timer(
        30, lambda: os.close(os.open(tmp_path / "pipe", os.O_WRONLY))
    )  # ends an endless wait
    waits.start()
    begin = time.monotonic()
    for name in ("pipe", "device"):
        with pytest.raises(OSError, match=f"It is no regular file: '{tmp_path / name}'"):
            open_regular(tmp_path / name)
    waits.cancel()
    assert time.monotonic() - begin < 20
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "file" / "below")):
        open_regular(tmp_path / "file" / "below")


def test_all_folders_above_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def sync(path: str) -> None:
        synced.append(path)
        if path == str(tmp_path):
            raise PermissionError

    monkeypatch.setattr(files, "sync", sync)
    files.sync_parents(tmp_path / "a" / "b")
    assert synced == [str(tmp_path / "a"), *map(str, [tmp_path, *tmp_path.parents])]
