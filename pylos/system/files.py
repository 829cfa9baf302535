"""Files on disk: they are written whole or not at all, and read only if they are regular files."""

from __future__ import annotations

import codecs
import contextlib
import errno
import itertools
import os
import stat
import uuid
from collections.abc import Iterator
from typing import IO

StrPath = str | os.PathLike[str]

PART = ".part"
"""The suffix of files that are being written."""


@contextlib.contextmanager
def replacing(path: StrPath, *, shared: bool = False) -> Iterator[IO[bytes]]:
    """Opens a new file that replaces `path` at the end of the block; after an error it does not.

    Even after a kill or a power cut, `path` is either the old file or the whole new one. The new one is written beside
    it under a fixed name. So a kill leaves at most one such file, and the next attempt overwrites it. Only one process
    at a time may write a given file, unless it is `shared`: then each writes under a name of its own.

    Raises:
        OSError: the file cannot be written; the error names it.
    """
    path = os.path.abspath(path)
    make_folder(os.path.dirname(path))
    part = f"{path}.{uuid.uuid4().hex}{PART}" if shared else path + PART
    try:
        with open(part, "wb") as file:
            yield file
        put_in_place(part, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # the error of a full disk names no file
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def put_in_place(part: StrPath, path: StrPath) -> None:
    """Gives a finished file its final name. A power cut leaves the old file or the whole new one."""
    sync(part)
    os.replace(part, path)
    # The new name survives a power cut only when the folder is on disk as well.
    sync(os.path.dirname(os.path.abspath(path)))


def atomic_write(path: StrPath, content: str | bytes) -> None:
    """Writes a file whole or not at all; text as UTF-8."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def make_folder(path: StrPath) -> None:
    """Makes a folder and all those above it, unless they exist. They then survive a power cut."""
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):  # another process has just made it
            os.mkdir(path)
        sync(os.path.dirname(path))


def sync_parents(path: StrPath) -> None:
    """Lets a folder that others made, and all those above it, survive a power cut, as far as they may be read."""
    folder = os.path.abspath(path)
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        with contextlib.suppress(OSError):
            sync(folder)


def set_aside(path: StrPath) -> str:
    """Renames a file to its name with `.old`, `.old1`, ..., the first that is free, and returns the new name."""
    names = (f"{os.fspath(path)}.old{number or ''}" for number in itertools.count())
    aside = next(name for name in names if not os.path.lexists(name))
    os.replace(path, aside)
    return os.path.basename(aside)


def sync(path: StrPath) -> None:
    """Waits until the content of a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: StrPath) -> IO[bytes]:
    """Opens a file for reading that a user named, or that anybody may have put there.

    It refuses what is no regular file: opening a named pipe would wait, and reading a device might never end.

    Raises:
        OSError: it cannot be read, or it is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except NotADirectoryError as error:  # a part of the path is a file, so there is no such file
        raise FileNotFoundError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "It is no regular file", os.fspath(path))
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_text(path: StrPath) -> str:
    """The content of a text file: UTF-8, or UTF-16 if a byte order mark says so, as on Windows.

    Raises:
        OSError: as `open_regular`.
        UnicodeDecodeError: it is no text.
    """
    content = read_bytes(path)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def read_bytes(path: StrPath) -> bytes:
    """The content of a file; raises as `open_regular`."""
    with open_regular(path) as file:
        return file.read()


def writable(text: str) -> str:
    """A text that UTF-8 can hold: the name of a file may have other bytes, which become question marks."""
    return text.encode(errors="replace").decode()
