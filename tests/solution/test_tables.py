"""Files of tables: how damage is found, when the checksum is compared, and what is on the disk when."""

import copy
import errno
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from pylos.cli.solve_report import describe_solution
from pylos.errors import RulesError, TableError
from pylos.solution import tables
from pylos.solution.tables import (
    DISTANCES,
    HEADER_BYTES,
    VALUES,
    VERSION,
    checksum,
    finish_table,
    open_part,
    open_table,
    part_path,
    read_header,
    table_bytes,
    table_path,
)
from pylos.system.files import read_bytes

RULES = "mini-mature"
SIZE = table_bytes(RULES, VALUES)
CONTENT = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)
FACTS = {"start": 1, "wins_losses_draws": [3, 2, 1], "up_to_symmetry": [1, 1, 1], "by_balls": [[3, 2, 1]]}
MORE_FACTS = {**FACTS, "start_distance": 7, "longest_by_balls": [[7, -1]]}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PYLOS_HOME", str(tmp_path))


@pytest.fixture
def path():
    """A finished table."""
    path = table_path(RULES, VALUES)
    make(path)
    return path


def make(path):
    table = open_part(path, len(CONTENT))
    table[:] = CONTENT
    finish_table(path, table, FACTS)


def assert_refused(path, *parts: str) -> None:
    with pytest.raises(TableError) as error:
        open_table(path)
    assert "\n" not in str(error.value)
    for part in parts:
        assert part in str(error.value)


def change_header(path, **changes) -> None:
    content = path.read_bytes()
    header = {**json.loads(content[:HEADER_BYTES]), **changes}
    header = {name: value for name, value in header.items() if value is not None}
    path.write_bytes(json.dumps(header).encode().ljust(HEADER_BYTES) + content[HEADER_BYTES:])


def test_a_table_is_read_as_it_was_written(path):
    table = open_table(path)
    assert (table == CONTENT).all()
    assert not table.flags.writeable
    header = read_header(path)
    assert header["start"] == 1
    assert (header["rules"], header["kind"], header["version"]) == (RULES, "values", VERSION)
    assert not part_path(path).exists()


def test_an_unfinished_table_is_taken_up_where_it_was():
    path = table_path(RULES, VALUES)
    table = open_part(path, 1000)
    assert not table.any()
    table[10:20] = 7
    del table
    again = open_part(path, 1000)
    assert np.flatnonzero(again == 7).tolist() == list(range(10, 20))
    assert not path.exists()


def test_a_checksum_is_the_same_in_whatever_blocks_it_is_computed(monkeypatch):
    whole = checksum(CONTENT)
    for block in (1, 64, 999, 1000):
        monkeypatch.setattr(tables, "_BLOCK", block)
        assert checksum(CONTENT) == whole
    assert checksum(CONTENT[:-1]) != whole


# Damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [HEADER_BYTES, HEADER_BYTES + SIZE // 2, HEADER_BYTES + SIZE - 1])
def test_a_flipped_bit_is_found(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    cure = f"{path} is damaged, its checksum is wrong: delete it and run `pylos solve --rules mini-mature`"
    assert_refused(path, cure)
    assert_refused(path, cure)  # the first refusal leaves no stamp
    path.unlink()
    make(path)
    assert (open_table(path) == CONTENT).all()


@pytest.mark.parametrize("size", [0, 10, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + SIZE - 1])
def test_a_truncated_table_is_found(path, size):
    open_table(path)
    os.truncate(path, size)
    assert_refused(path, f"{path} is damaged, ", ": delete it and run `pylos solve --rules mini-mature`")


def test_a_table_that_is_too_long_is_found(path):
    path.write_bytes(path.read_bytes() + b"\0")
    assert_refused(path, "is damaged", "pylos solve --rules mini-mature`")


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"\xff" * 50, b"[]", b"7", b"{}", b"null", b'{"format": "pylos table"'),
        *(
            b"[" * HEADER_BYTES,
            b'{"a":' * 800,
            b"9" * HEADER_BYTES,
            b'{"version": [[]]}',
            b'{"version": 1e999}',
        ),
    ],
)
def test_a_foreign_header_is_found(path, header):
    path.write_bytes(header.ljust(HEADER_BYTES) + bytes(CONTENT))
    assert_refused(path, "is damaged", "pylos solve --rules mini-mature`")


@pytest.mark.parametrize(
    "change",
    [
        *({name: None} for name in ("format", "version", "rules", "kind", "bytes", "crc32", *FACTS)),
        {"format": "something else"},
        {"rules": "standard"},
        {"kind": "distances"},
        {"bytes": SIZE - 1},
        {"bytes": -HEADER_BYTES},
        {"bytes": str(SIZE)},
        {"bytes": float(SIZE)},
        {"version": True},
        {"start": 2},
        {"wins_losses_draws": [1, 2]},
        {"wins_losses_draws": {"a": 1, "b": 2, "c": 3}},
        {"up_to_symmetry": [1, 1, -1]},
        {"by_balls": [[1, 2, "3"]]},
        {"crc32": 0},
    ],
)
def test_a_header_that_does_not_fit_is_found(path, change):
    change_header(path, **change)
    assert_refused(path, "is damaged", "delete it and run `pylos solve --rules mini-mature`")


@pytest.mark.parametrize(
    "change", [{"start_distance": 255}, {"longest_by_balls": [[1]]}, {"longest_by_balls": 7}]
)
def test_a_header_of_distances_that_does_not_fit_is_found(change):
    path = table_path(RULES, DISTANCES)
    finish_table(path, open_part(path, table_bytes(RULES, DISTANCES)), MORE_FACTS)
    assert read_header(path)["longest_by_balls"] == [[7, -1]]
    change_header(path, **change)
    assert_refused(path, "is damaged", next(iter(change)))


STRANGE = (
    *(None, True, -1, 0, 10**30, 2**64, 1.5, "1", "", [], {}),
    *([[]], [1, 2, 3], {"a": [1]}, [[1, 2, 3], 7]),
)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_a_header_says_it_is_refused_or_can_be_described(path, seed):
    rng = random.Random(seed)
    sound, content = read_header(path), path.read_bytes()[HEADER_BYTES:]
    refusals = []
    for _ in range(60):
        header = copy.deepcopy(sound)
        for _ in range(rng.randint(1, 2)):
            name = rng.choice(list(header))
            inside = isinstance(header[name], list) and header[name] and rng.random() < 0.5
            values, place = (header[name], 0) if inside else (header, name)
            values[place] = rng.choice(STRANGE)
        text = bytearray(json.dumps(header).encode().ljust(HEADER_BYTES))
        if rng.random() < 0.3:
            text[rng.randrange(200)] = rng.randrange(256)
        path.write_bytes(bytes(text) + content)
        try:
            describe_solution(read_header(path))
        except TableError as error:
            refusals.append(str(error))
    assert len(refusals) > 30
    assert all("\n" not in refusal and len(refusal) < 600 for refusal in refusals)


def test_a_sound_checksum_does_not_excuse_a_wrong_size(path):
    """Lookups trust the size: they would read behind the end."""
    for size in (0, 1, SIZE - 1, SIZE + 1):
        finish_table(path, open_part(path, size), FACTS)
        assert read_bytes(path)[HEADER_BYTES:] == bytes(size)
        assert_refused(path, "is damaged", f"must be {SIZE}, but is {size}")
        path.unlink()


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(path):
    path.unlink()
    os.mkfifo(path)
    assert_refused(path, f"cannot read {path}: It is no regular file")


def test_another_version_is_named(path):
    change_header(path, version=VERSION + 1)
    assert_refused(path, f"is of version {VERSION + 1}, not {VERSION}: delete it and run `pylos solve")


def test_a_table_of_other_rules_or_of_another_kind_is_found(path):
    for other in (table_path("standard", VALUES), table_path(RULES, DISTANCES)):
        other.write_bytes(path.read_bytes())
    assert_refused(table_path("standard", VALUES), "is damaged", "pylos solve --rules standard`")
    assert_refused(table_path(RULES, DISTANCES), "is damaged", "pylos solve --rules mini-mature --distance`")


def test_a_table_that_cannot_be_read_is_named(path):
    missing = table_path("standard", VALUES)
    assert_refused(missing, f"cannot read {missing}: No such file or directory")
    missing.mkdir()
    assert_refused(missing, f"cannot read {missing}: Is a directory")


def test_unknown_rules_have_no_table():
    with pytest.raises(RulesError, match="unknown rule set 'nonsense'"):
        table_path("nonsense", VALUES)


# The stamp ---------------------------------------------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch):
    """Grows by one whenever a checksum is computed."""
    times = []

    def counting(table):
        times.append(1)
        return checksum(table)

    monkeypatch.setattr(tables, "checksum", counting)
    return times


def test_the_checksum_is_compared_once_for_every_file(path, compared):
    for _ in range(3):
        open_table(path)
    assert len(compared) == 1
    make(path)
    compared.clear()
    for _ in range(3):
        open_table(path)
    assert len(compared) == 1


def test_a_file_is_compared_again_where_that_is_asked_for(path, compared):
    open_table(path)
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if a bit had flipped on the disk
    open_table(path)
    with pytest.raises(TableError, match="checksum is wrong"):
        open_table(path, recheck=True)


def test_a_file_that_was_changed_is_compared_again(path, compared):
    open_table(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert_refused(path, "checksum is wrong")
    content[-1] ^= 1
    path.write_bytes(content)
    assert (open_table(path) == CONTENT).all()
    assert len(compared) == 3


def test_a_damaged_stamp_or_none_that_can_be_written_costs_a_comparison(path, compared):
    open_table(path)
    stamp = path.with_name(path.name + ".checked")
    stamp.write_bytes(b"\xff")
    open_table(path)
    assert len(compared) == 2
    stamp.unlink()
    stamp.mkdir()
    for _ in range(2):
        assert (open_table(path) == CONTENT).all()
    assert len(compared) == 4


# The disk ----------------------------------------------------------------------------------------------------


def test_a_full_disk_is_named_before_anything_is_mapped(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    path = table_path("mature", VALUES)
    with pytest.raises(TableError) as error:
        open_part(path, 603_000_000)
    assert str(error.value) == f"cannot create {part_path(path)} (0.6 GB): No space left on device"
    monkeypatch.undo()
    assert not path.exists()


def test_room_is_reserved_at_once():
    path = table_path("mature", VALUES)
    open_part(path, 1 << 20)
    assert part_path(path).stat().st_blocks * 512 >= 1 << 20


def test_a_table_has_its_name_once_all_of_it_is_on_the_disk(tmp_path, monkeypatch):
    """So a power cut leaves the unfinished table or the finished one, and never less."""
    done: list[tuple[str, object, object]] = []
    fsync, replace = os.fsync, os.replace

    def noting_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append(("fsync", synced, synced.is_file() and synced.read_bytes()))

    def noting_replace(source: Path, target: Path) -> None:
        replace(source, target)
        done.append(("replace", source, target))

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(os, "replace", noting_replace)
    path = table_path(RULES, VALUES)
    make(path)
    assert done == [
        ("fsync", tmp_path, False),  # the new folder of the tables
        ("fsync", part_path(path), path.read_bytes()),
        ("replace", part_path(path), path),
        ("fsync", path.parent, False),
    ]
