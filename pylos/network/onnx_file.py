"""An ONNX file, looked through before onnxruntime gets it: what it says about itself, and what it must not have.

An ONNX file is a message of Protocol Buffers (protobuf.dev/programming-guides/encoding). The numbers below are those of
its fields (onnx.proto). A program that is meant to run without the package `onnx` reads the few that matter by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from pylos.errors import CheckpointError
from pylos.system.files import StrPath, open_regular
from pylos.system.options import shown

MOST_BYTES = 1 << 28
"""The largest file that is read. The network of the `gpu` preset takes 3 MB."""
_MOST_FIELDS = 1_000_000
"""The most that is looked through: an exported network has some thousand fields."""
_DOMAINS = b"", b"ai.onnx"
"""Where operations may come from: ONNX itself."""
_TENSOR = {13: "weights in other files"}
_SPARSE = {1: _TENSOR, 2: _TENSOR}
_ATTRIBUTE = {5: _TENSOR, 6: "control flow", 10: _TENSOR, 11: "control flow", 22: _SPARSE, 23: _SPARSE}
_NODE = {5: _ATTRIBUTE, 7: _DOMAINS}
_GRAPH = {1: _NODE, 5: _TENSOR, 15: _SPARSE}
_METADATA = 14
_MODEL = {7: _GRAPH, 20: "a training", 25: "functions of its own"}
"""What is looked at: a field holds a message with fields to look at, one of some values, or what is refused."""
_KEY = b"pylos_checksum"
_ENTRY = b"\x72\x32\x0a\x0e" + _KEY + b"\x12\x20"
"""How the last entry of the metadata begins; 32 characters follow: the digest of all bytes before the entry."""


def sealed(model: bytes) -> bytes:
    """An ONNX model with its checksum, which is the last entry of its metadata."""
    return model + _ENTRY + _checksum(model)


def read_onnx(path: StrPath) -> tuple[bytes, dict[str, str]]:
    """Reads and checks a file.

    Returns:
        The whole content, and the metadata.

    Raises:
        CheckpointError: the file cannot be read, is damaged, is no ONNX file, or has what it must not have: weights in
            other files, control flow, or operations that are not of ONNX itself.
    """
    try:
        with open_regular(path) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"no network {path}: {error.strerror or error}") from None
    if len(content) > MOST_BYTES:
        raise CheckpointError(f"{path} is larger than {MOST_BYTES >> 20} MB: it is no network for Pylos")
    end = len(content) - len(_ENTRY) - 32
    if content[end:-32] == _ENTRY and content[-32:] != _checksum(content[:end]):
        raise CheckpointError(f"{path} is damaged or was changed by another program: its checksum is wrong")
    try:
        return content, _Reader().look_through(content)
    except _RefusedError as reason:
        raise CheckpointError(f"{path} is refused: it has {reason}") from None
    except (ValueError, IndexError):
        raise CheckpointError(f"{path} is not an ONNX file") from None


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()


class _RefusedError(Exception):
    """What a file has and must not have."""


class _Reader:
    """Walks through the fields of a message."""

    def __init__(self) -> None:
        self._fields = 0

    def look_through(self, content: bytes) -> dict[str, str]:
        """Checks a model, and returns its metadata."""
        view = memoryview(content)
        self._check(view, _MODEL)
        entries = (dict(self._walk(value)) for number, value in self._walk(view) if number == _METADATA)
        return {
            bytes(entry[1]).decode(): bytes(entry.get(2, b"")).decode() for entry in entries if 1 in entry
        }

    def _check(self, message: memoryview, fields: dict[int, Any]) -> None:
        for number, value in self._walk(message):
            rule = fields.get(number)
            if isinstance(rule, dict):
                self._check(value, rule)
            elif isinstance(rule, tuple) and bytes(value) not in rule:
                raise _RefusedError(f"operations of {shown(bytes(value))}")
            elif isinstance(rule, str):
                raise _RefusedError(rule)

    def _walk(self, message: memoryview) -> Iterator[tuple[int, memoryview]]:
        """The fields of a message that hold bytes; raises ValueError or IndexError where it is broken."""
        place = 0
        while place < len(message):
            self._fields += 1
            if self._fields > _MOST_FIELDS:
                raise _RefusedError(f"more than {_MOST_FIELDS:,} parts")
            key, place = _varint(message, place, 32)
            kind = key & 7
            if kind == 0:
                _, place = _varint(message, place, 64)
            elif kind == 2:
                size, place = _varint(message, place, 31)
                value = message[place : place + size]
                yield key >> 3, value
                place += size
            elif kind in (1, 5):
                place += 8 if kind == 1 else 4
            else:
                raise ValueError("there are no groups in ONNX")
        if place > len(message):
            raise ValueError("the last field is not whole")


def _varint(message: memoryview, place: int, bits: int) -> tuple[int, int]:
    """A number of up to ten bytes, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            break
    if byte >= 0x80 or number >> bits:
        raise ValueError("the number is too large")
    return number, place
