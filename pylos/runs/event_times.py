"""When a run took its steps: the clock of TensorBoard's event files, which `metrics.csv` leaves out.

An event file is a row of records: the length of the event (8 bytes), a checksum of it (4), the event, a checksum of the
event (4). An event begins with its time and its step. Nothing else of it is read here, so no library is needed.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path

from pylos.system.files import read_bytes

_LENGTH = struct.Struct("<Q4x")
_TIME = struct.Struct("<d")
_TIME_TAG, _STEP_TAG = 0x09, 0x10
"""The bytes before the time and the step of an event."""
_MOST_BYTES = 1 << 26
"""Larger files are left out."""


def event_files(folder: Path) -> list[Path]:
    """The event files in the folder of a run, one of each start."""
    return sorted(folder.glob("events.out.tfevents.*"))


def minutes_of_training(files: Iterable[Path], steps: Sequence[int]) -> list[float | None]:
    """How long a run had trained when it took some steps. What was lost by a kill does not count, nor do pauses.

    Args:
        files: the event files of all starts.
        steps: ascending.

    Returns:
        Minutes for each step; None where the files do not tell.
    """
    taken: dict[int, float] = {}
    for events in sorted(filter(None, map(_events, files))):
        begun = events[0][0]
        # A start repeats what an earlier one did from its first step on. It has none before its first epoch ends.
        first = min((step for _, step in events if step > 0), default=math.inf)
        taken = {step: minutes for step, minutes in taken.items() if step < first}
        before = max(taken.values(), default=0.0)
        for time, step in events:
            if step > 0:
                taken[step] = before + max(time - begun, 0.0) / 60
    known = sorted(taken)
    # Callbacks may log a row with the step before it.
    places = [bisect_right(known, step) for step in steps]
    return [round(taken[known[place - 1]], 3) if place else None for place in places]


def _events(path: Path) -> list[tuple[float, int]]:
    """Times in seconds and steps of the events in a file, as far as it is sound; none if it cannot be read."""
    try:
        content = read_bytes(path) if path.stat().st_size <= _MOST_BYTES else b""
    except OSError:
        return []
    events, at = [], 0
    while at + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        event = content[at + _LENGTH.size : at + _LENGTH.size + min(length, 24)]
        if len(event) > _TIME.size and event[0] == _TIME_TAG:
            time = _TIME.unpack_from(event, 1)[0]
            if 0 <= time < 1e12:
                events.append((time, _step(event[1 + _TIME.size :])))
        at += _LENGTH.size + length + 4
    return events


def _step(rest: bytes) -> int:
    """The step of an event, from what follows its time; 0 where none is written."""
    step = 0
    if rest[:1] == bytes([_STEP_TAG]):
        for place, byte in enumerate(rest[1:10]):
            step |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                break
    return step
