"""The checkpoints of a run as a table: files and what the manifest knows of them. No checkpoint is loaded."""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pylos.runs.folder import LAST
from pylos.system.files import open_regular, writable

_FACTS = (
    "status", "reason", "label", "elo", "elo_low", "elo_high", "win_rate_vs_random", "win_rate_vs_previous", "games",
)  # fmt: skip
_HEAD_BYTES = 1 << 12
"""Where a checkpoint begins with its epoch and its step."""


def checkpoint_table(
    files: Sequence[Path], entries: Sequence[Mapping[str, Any]], epochs: Mapping[int, int]
) -> list[dict[str, Any]]:
    """A row for each agent in the manifest and for each file that no entry speaks of, by step.

    Args:
        files: the checkpoints on disk.
        entries: those of the manifest.
        epochs: the epochs that ended with a step, as the metrics tell.

    Returns:
        Rows with `file`, `exists`, `epoch`, `step`, `simulations`, `status` ("evaluated", "failed", or "missing" where
        the manifest has no entry) and what the manifest knows. A step that is not known is None.
    """
    steps = {writable(file.name): step_of(file) for file in files}
    rows = []
    for entry in entries:
        holding = sorted(
            (name for name, step in steps.items() if step == entry["step"]), key=lambda name: name == LAST
        )
        facts = {key: entry[key] for key in ("epoch", "step", "simulations", *_FACTS)}
        names = holding or [entry["file"]]
        rows += [{"file": name, "exists": bool(holding), **facts} for name in names]
    known = {entry["step"] for entry in entries}
    for name, step in steps.items():
        if step not in known:
            epoch = None if step is None else epochs.get(step)
            facts = {"epoch": epoch, "step": step, "simulations": None, **dict.fromkeys(_FACTS)}
            rows.append({"file": name, "exists": True, **facts, "status": "missing", "games": 0})
    return sorted(rows, key=lambda row: (row["step"] is None, row["step"] or 0, row["file"] == LAST))


def step_of(path: Path) -> int | None:
    """The training step of a checkpoint, from its first bytes or else its name; None if neither tells."""
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as pickled:
                step = _step_in(pickled.read(_HEAD_BYTES))
        if step is not None:
            return step
    except Exception:  # a file that is damaged or being replaced; the type depends on how
        pass
    found = re.search(r"step=?(\d{1,18})|-(\d{1,18})\.ckpt$", path.name)
    return int(found[1] or found[2]) if found else None


def _step_in(head: bytes) -> int | None:
    """The number behind "global_step" at the beginning of a pickle, which is only looked at."""
    wanted = False
    for opcode, value, _ in pickletools.genops(head):
        if wanted and isinstance(value, int) and ("INT" in opcode.name or "LONG" in opcode.name):
            return value
        if "PUT" not in opcode.name and opcode.name != "MEMOIZE":
            wanted = value == "global_step"
    return None
