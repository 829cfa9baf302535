"""The file `metrics.csv`: a row for every step at which something was logged. It needs no Lightning to be read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pylos.errors import CheckpointError
from pylos.system.files import read_bytes

_OLD_NAME = re.compile("(?<=_accuracy)/|(?<=_rate)/")
"""The slash that earlier versions wrote before a part of a metric: for some loggers it made a file a folder, too."""
_STEP = re.compile(r"[0-9]{1,18}")


def metrics_text(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as CSV; columns are in the order of their first appearance."""
    if not rows:
        return ""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of a `metrics.csv`, without values that were not logged; no rows if there is no file.

    Raises:
        CheckpointError: the file is not one that a `RunLogger` wrote.
    """
    try:
        text = read_bytes(path).decode()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    return parse_metrics(
        text, f"{path} is damaged: move it away, and the run goes on without its earlier rows"
    )


def parse_metrics(text: str, complaint: str) -> list[dict[str, str]]:
    """The rows in a text; raises CheckpointError with the complaint if they are not those of a `RunLogger`."""
    try:
        lines = csv.DictReader(io.StringIO(text, newline=""))
        rows = [{_OLD_NAME.sub("_", str(name)): v for name, v in row.items() if v} for row in lines]
    except csv.Error:
        raise CheckpointError(complaint) from None
    sound = bool(rows) and lines.fieldnames is not None and "step" in lines.fieldnames
    if not sound or not all(_STEP.fullmatch(row.get("step", "")) and "None" not in row for row in rows):
        raise CheckpointError(complaint)
    return rows
