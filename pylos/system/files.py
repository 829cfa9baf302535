"""Files on disk: written whole or not at all, and read only where they are files."""

from __future__ import annotations

import codecs
import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator
from typing import IO

StrPath = str | os.PathLike[str]

PART = ".part"
"""The suffix of files that are being written."""


@contextlib.contextmanager
def replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """Opens a file that takes the place of ``path`` at the end of the block, or never.

    Whatever happens, a kill or a power cut included, ``path`` is either what it was or the new file, whole.
    The new one is written beside it under a fixed name, so that a kill leaves at most one such file, which
    the next attempt overwrites. Only one process at a time may write a given file.
    """
    path = os.path.abspath(path)
    make_folder(os.path.dirname(path))
    part = path + PART
    try:
        with open(part, "wb") as file:
            yield file
        put_in_place(part, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # a full disk does not say for what
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def put_in_place(part: StrPath, path: StrPath) -> None:
    """Gives a finished file its final name, on the disk too: a power cut leaves the old file or the new one, whole."""
    sync(part)
    os.replace(part, path)
    sync(
        os.path.dirname(os.path.abspath(path))
    )  # the new name is safe only when the folder has reached the disk


def atomic_write(path: StrPath, content: str | bytes) -> None:
    """Writes a file whole or not at all; text as UTF-8."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def make_folder(path: StrPath) -> None:
    """Makes a folder with all those above it, unless it exists; a power cut then leaves them there."""
    path = os.path.abspath(path)
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):  # another process has just made it
            os.mkdir(path)
        sync(os.path.dirname(path))


def sync_parents(path: StrPath) -> None:
    """The same for a folder that somebody else has made; those that may not be read are left out."""
    folder = os.path.abspath(path)
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        with contextlib.suppress(OSError):
            sync(folder)


def set_aside(path: StrPath) -> str:
    """Renames a file to this name with ``.old`` and the first number behind it that no file has; returns that name."""
    names = (f"{os.fspath(path)}.old{number or ''}" for number in itertools.count())
    aside = next(name for name in names if not os.path.lexists(name))
    os.replace(path, aside)
    return os.path.basename(aside)


def sync(path: StrPath) -> None:
    """Waits until a file, or the names in a folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: StrPath) -> IO[bytes]:
    """Opens a file for reading, which a user named or anybody may have put there.

    A named pipe would be waited for and a device read for ever.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except NotADirectoryError as error:  # a folder on the way is a file, so nothing lies there either
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
    """All of a text file: UTF-8, or as its byte order mark says, which Windows likes to write.

    Raises:
        OSError: as ``open_regular``.
        UnicodeDecodeError: it is no text.
    """
    content = read_bytes(path)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig")


def read_bytes(path: StrPath) -> bytes:
    """All of a file; raises as ``open_regular``."""
    with open_regular(path) as file:
        return file.read()


def writable(text: str) -> str:
    """A text as UTF-8 can hold it: the name of a file may be any bytes."""
    return text.encode(errors="replace").decode()
