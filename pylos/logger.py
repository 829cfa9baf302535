"""The history of a run: TensorBoard's event files, and the same numbers in ``metrics.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from pylos.checkpoints import atomic_write

FILE_NAME = "metrics.csv"
TIME_PREFIX = "time/"
"""Of metrics that measure the clock: no two runs agree on them, so ``metrics.csv`` leaves them out."""


class RunLogger(TensorBoardLogger):
    """TensorBoardLogger that also keeps ``metrics.csv``, and whose history does not show where a run was killed.

    Logging a step forgets whatever an earlier process logged for later ones: a resumed run comes past them again.
    ``metrics.csv`` has a row for every step and is replaced whole, so that a run with interruptions leaves the same
    bytes as one without. TensorBoard keeps the event files of all starts, and hides what was forgotten.

    Args:
        save_dir: the folder of all runs.
        name: the folder of an experiment in it; empty for none.
        version: the run's folder in that; by default the next free number.
    """

    def __init__(self, save_dir: str, name: str = "", version: int | str | None = None) -> None:
        super().__init__(save_dir, name, version, default_hp_metric=False)
        self._resumed = False

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs numbers for a step.

        Args:
            metrics: by name.
            step: optimizer steps so far.
        """
        if step is not None and not self._resumed:
            self._resumed = True
            # TensorBoard takes a start of session for the end of all earlier ones from its step on.
            start = Event(step=step, session_log=SessionLog(status=SessionLog.START))
            self.experiment._get_file_writer().add_event(start, step)
        super().log_metrics(metrics, step)
        if step is not None:
            _add_row(Path(self.log_dir) / FILE_NAME, step, metrics)


def _add_row(path: Path, step: int, metrics: Mapping[str, Any]) -> None:
    """Merges numbers into the row of a step, which becomes the last one; new columns go to the right."""
    rows = [row for row in read_metrics(path) if int(row["step"]) <= step]
    if not rows or int(rows[-1]["step"]) < step:
        rows.append({"step": str(step)})
    reproducible = {name: float(value) for name, value in metrics.items() if not name.startswith(TIME_PREFIX)}
    rows[-1].update({name: f"{value:.9g}" for name, value in reproducible.items()})
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(path, text.getvalue())


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of a ``metrics.csv``, by step, without what was not logged; none if there is no file."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]
