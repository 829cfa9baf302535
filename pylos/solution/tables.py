"""Files that hold the solution of a rule set: a header and one table, read through the page cache.

A file begins with 4,096 bytes of JSON, filled up with spaces: what it is, for which rules and which version of
the index, the number of bytes that follow and their CRC-32. While it is being made, its name ends in `.part`.
Everything that is written to it stays true, a value for good and a distance as a lower bound. So the work can always
go on with such a file, whatever interrupted it.
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

from pylos.errors import CheckpointError, TableError
from pylos.game.rules import rules_code
from pylos.solution.indexing import build_index
from pylos.system.files import PART, make_folder, open_regular, put_in_place, read_bytes
from pylos.system.home import home
from pylos.system.options import Range, shown
from pylos.system.schema import Choice, Each, Row, check_state

VALUES, DISTANCES = "values", "distances"
VERSION = 1
"""Raised when an older file would be misread."""
FORMAT = "pylos table"
HEADER_BYTES = 4096
_BLOCK = 1 << 24
_COUNTS = Row(Range(int, 0, 2**63), 3)
_DISTANCE = Range(int, -1, 254)
_VALUE_FACTS = {
    "crc32": Range(int, 0, 2**32 - 1),
    "start": Choice((-1, 0, 1)),
    "wins_losses_draws": _COUNTS,
    "up_to_symmetry": _COUNTS,
    "by_balls": Each(_COUNTS),
}
_FACTS = {
    VALUES: _VALUE_FACTS,
    DISTANCES: _VALUE_FACTS | {"start_distance": _DISTANCE, "longest_by_balls": Each(Row(_DISTANCE, 2))},
}
"""What a header says about its table, apart from what follows from the file's name."""


def table_bytes(rules: str, kind: str) -> int:
    """How many bytes follow the header: four values share one, a distance has one of its own."""
    numbers = int(build_index(rules_code(rules)).offsets[-1])
    return numbers // 4 if kind == VALUES else numbers


def table_exists(path: Path) -> bool:
    """Whether a table exists. A folder that may not be read has none."""
    return os.path.exists(path)


def table_path(rules: str, kind: str) -> Path:
    """The path of a table, whether it exists or not.

    Args:
        rules: the name of the rule set.
        kind: VALUES or DISTANCES.

    Raises:
        RulesError: there is no such rule set.
    """
    rules_code(rules)
    return home() / "tables" / f"{rules}.{kind}"


def part_path(path: Path) -> Path:
    """The path of an unfinished table. It names the version, so that one of another version is not continued."""
    return path.with_name(f"{path.name}.v{VERSION}{PART}")


def open_part(path: Path, size: int) -> np.memmap[Any, Any]:
    """Opens an unfinished table, which is written in place; a new one is all zeros.

    Args:
        path: the path that it will have.
        size: its bytes, without the header.

    Raises:
        TableError: there is no room for it, or its folder may not be written to.
    """
    part = part_path(path)
    try:
        make_folder(part.parent)
        with open(part, "r+b" if part.exists() else "w+b") as file:
            # The room is reserved now: a full disk under a memory map kills the process without a message.
            if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
                os.posix_fallocate(file.fileno(), 0, HEADER_BYTES + size)
            file.truncate(HEADER_BYTES + size)
            return np.memmap(file, np.uint8, "r+", HEADER_BYTES, (size,))
    except OSError as error:
        raise TableError(f"cannot create {part} ({size / 1e9:.1f} GB): {error.strerror}") from error


def finish_table(path: Path, table: np.memmap[Any, Any], facts: dict[str, Any]) -> None:
    """Gives an unfinished table its header and its final name.

    Args:
        path: the final path.
        table: what `open_part` returned, filled.
        facts: what the header says about the solution.
    """
    rules, kind = path.name.split(".")
    header = {
        "format": FORMAT,
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
    put_in_place(part, path)


def checksum(table: np.ndarray) -> int:
    """The CRC-32 of a table, computed block by block."""
    crc = 0
    for start in range(0, table.shape[0], _BLOCK):
        crc = zlib.crc32(table[start : start + _BLOCK].data, crc)
    return crc


def read_header(path: Path) -> dict[str, Any]:
    """Reads what a table says about itself.

    Args:
        path: the file; its name says for which rules and of which kind the table is.

    Raises:
        TableError: the file cannot be read, is damaged, has the wrong size, or is not a table of this version.
    """
    rules, kind = path.name.split(".")
    try:
        with open_regular(path) as file:
            header = json.loads(file.read(HEADER_BYTES))
            size = os.fstat(file.fileno()).st_size - HEADER_BYTES
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError):
        raise _damaged(path, "its header cannot be read") from None
    version = header.get("version") if isinstance(header, dict) else None
    if type(version) is int and version != VERSION:
        raise TableError(f"{path} is of version {shown(version)}, not {VERSION}: {_cure(path)}")
    names = {
        "format": FORMAT,
        "version": VERSION,
        "rules": rules,
        "kind": kind,
        "bytes": table_bytes(rules, kind),
    }
    try:
        check_state(
            header, {name: Choice((value,)) for name, value in names.items()} | _FACTS[kind], "header"
        )
    except CheckpointError as error:
        raise _damaged(path, str(error)) from None
    if size != header["bytes"]:
        raise _damaged(path, f"{size:,} bytes follow its header, not {header['bytes']:,}")
    return dict(header)


def open_table(path: Path, recheck: bool = False) -> np.ndarray:
    """The bytes of a finished table, mapped into memory.

    The checksum is compared once, and again when the file has changed: a stamp beside the file holds the size and the
    time of the file that was found sound.

    Args:
        path: the file.
        recheck: compare the checksum in any case.

    Raises:
        TableError: as for `read_header`.
    """
    header = read_header(path)
    with open_regular(path) as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        status = os.fstat(file.fileno())
    table = np.frombuffer(mapped, np.uint8, offset=HEADER_BYTES)
    stamp, seen = path.with_name(path.name + ".checked"), f"{status.st_size} {status.st_mtime_ns}".encode()
    known = False
    with contextlib.suppress(OSError):
        known = read_bytes(stamp) == seen
    if recheck or not known:
        if checksum(table) != header["crc32"]:
            raise _damaged(path, "its checksum is wrong")
        with contextlib.suppress(OSError):  # in a read-only folder the next call compares again
            stamp.write_bytes(seen)
    return table


def _damaged(path: Path, flaw: str) -> TableError:
    return TableError(f"{path} is damaged, {flaw}: {_cure(path)}")


def _cure(path: Path) -> str:
    rules, kind = path.name.split(".")
    return f"delete it and run `pylos solve --rules {rules}{' --distance' if kind == DISTANCES else ''}`"
