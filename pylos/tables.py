"""Files that hold the solution of a rule set: a header and one table, read through the page cache.

A file begins with 4,096 bytes of JSON, filled up with spaces: what it is, for which rules and which version of
the index, the number of bytes that follow and their CRC-32. While it is being made its name ends in ``.part``;
as everything that is written stays true (a value for good, a distance as a lower bound), such a file can always be
worked on, however it came to rest.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pylos.errors import TableError
from pylos.files import open_regular
from pylos.home import home
from pylos.rules import rules_code

VALUES, DISTANCES = "values", "distances"
VERSION = 1
"""Raised whenever an older file would be misread."""
HEADER_BYTES = 4096
_BLOCK = 1 << 24


def table_path(rules: str, kind: str) -> Path:
    """Where the table of this kind for these rules lies, whether it exists or not.

    Raises:
        RulesError: there is no such rule set.
    """
    rules_code(rules)
    return home() / "tables" / f"{rules}.{kind}"


def part_path(path: Path) -> Path:
    """The name of a table that is not finished; one of another version is not taken up."""
    return path.with_name(f"{path.name}.v{VERSION}.part")


def open_part(path: Path, size: int) -> np.memmap[Any, Any]:
    """The unfinished table ``path`` of so many bytes, to be written in place; zeros if there is none yet.

    Raises:
        TableError: there is no room for it, or its folder may not be written to.
    """
    part = part_path(path)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "r+b" if part.exists() else "w+b") as file:
            # Reserved now, because a full disk under a memory map kills the process without a word.
            if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
                os.posix_fallocate(file.fileno(), 0, HEADER_BYTES + size)
            file.truncate(HEADER_BYTES + size)
            return np.memmap(file, np.uint8, "r+", HEADER_BYTES, (size,))
    except OSError as error:
        raise TableError(f"cannot create {part} ({size / 1e9:.1f} GB): {error.strerror}") from error


def finish(path: Path, table: np.memmap[Any, Any], facts: dict[str, Any]) -> None:
    """Gives the unfinished table its header and its final name."""
    rules, kind = path.name.split(".")
    header = {
        "format": "pylos table",
        "version": VERSION,
        "rules": rules,
        "kind": kind,
        "bytes": table.shape[0],
        "crc32": checksum(table),
        **facts,
    }
    table.flush()
    part = part_path(path)
    with open(part, "r+b") as file:
        file.write(json.dumps(header).encode().ljust(HEADER_BYTES - 1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def checksum(table: np.ndarray) -> int:
    """CRC-32 of a table, which is read once from its beginning to its end."""
    crc = 0
    for start in range(0, table.shape[0], _BLOCK):
        crc = zlib.crc32(table[start : start + _BLOCK].data, crc)
    return crc


def read_header(path: Path) -> dict[str, Any]:
    """What a table says about itself.

    Raises:
        TableError: the file is damaged, or not a table of this version.
    """
    rules, kind = path.name.split(".")
    try:
        with open_regular(path) as file:
            header = json.loads(file.read(HEADER_BYTES))
        fits = (
            {"version", "crc32"} <= header.keys()
            and header["format"] == "pylos table"
            and (header["rules"], header["kind"]) == (rules, kind)
            and path.stat().st_size == HEADER_BYTES + header["bytes"]
        )
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        fits, header = False, {}
    if not fits:
        raise TableError(f"{path} is damaged: {_cure(path)}")
    if header["version"] != VERSION:
        raise TableError(f"{path} is of version {header['version']}, not {VERSION}: {_cure(path)}")
    return dict(header)


def open_table(path: Path) -> np.ndarray:
    """The bytes of a finished table, mapped into memory.

    The checksum is compared once and again whenever the file has changed: a stamp beside it remembers which
    file was found sound.

    Raises:
        TableError: the file is damaged, or not a table of this version.
    """
    header = read_header(path)
    with open_regular(path) as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        status = os.fstat(file.fileno())
    table = np.frombuffer(mapped, np.uint8, offset=HEADER_BYTES)
    stamp, seen = path.with_name(path.name + ".checked"), f"{status.st_size} {status.st_mtime_ns}"
    try:
        known = stamp.read_text() == seen
    except (OSError, ValueError):
        known = False
    if not known:
        if checksum(table) != header["crc32"]:
            raise TableError(f"{path} is damaged, its checksum is wrong: {_cure(path)}")
        with contextlib.suppress(OSError):  # a folder that cannot be written to: compare again the next time
            stamp.write_text(seen)
    return table


def _cure(path: Path) -> str:
    rules, kind = path.name.split(".")
    return f"delete it and run `pylos solve --rules {rules}{' --distance' if kind == DISTANCES else ''}`"
