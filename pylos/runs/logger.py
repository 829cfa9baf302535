"""The history of a run: TensorBoard's event files, and the same numbers in `metrics.csv`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from lightning.pytorch.core.saving import save_hparams_to_yaml
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from pylos.errors import CheckpointError
from pylos.runs.folder import METRICS
from pylos.runs.metrics_file import metrics_text, parse_metrics, read_metrics
from pylos.system.files import atomic_write, replacing, set_aside, sync, sync_parents

TIME_PREFIX = "time/"
"""The prefix of metrics that depend on the clock. No two runs agree on them, so `metrics.csv` leaves them out."""


class RunLogger(TensorBoardLogger):
    """A `TensorBoardLogger` that also keeps `metrics.csv`. Its history does not show where a run was killed.

    `metrics.csv` has a row for every step and is replaced whole, so a run with interruptions leaves the same bytes as
    one without. TensorBoard keeps the event files of all starts, and hides what `begin` forgot.

    Args:
        save_dir: the folder of all runs.
        name: the folder of an experiment in it; empty for none.
        version: the run's folder in that; by default the next free number.
    """

    def __init__(self, save_dir: str, name: str = "", version: str | int | None = None) -> None:
        super().__init__(save_dir, name, version, default_hp_metric=False)

    def history(self) -> str:
        """The text of `metrics.csv`. It belongs in every checkpoint, for `restore`."""
        return metrics_text(read_metrics(self._path))

    @rank_zero_only
    def restore(self, history: str) -> None:
        """Makes sure, on a resume, that `metrics.csv` holds what it held when the checkpoint was saved.

        A file that lacks some of it, or cannot be read, is set aside and written again, with a warning.

        Args:
            history: what `history` returned then.

        Raises:
            CheckpointError: that is no history.
        """
        wanted = parse_metrics(history, "the checkpoint holds no history of metrics") if history else []
        try:
            known = {row["step"]: row for row in read_metrics(self._path)}
        except CheckpointError:
            known = None
        if known is not None and all(known.get(row["step"], {}).items() >= row.items() for row in wanted):
            return
        what = "is missing"
        if os.path.lexists(self._path):
            what = f"is not as this run left it: it is set aside as {set_aside(self._path)}"
        _write_rows(self._path, wanted)
        rank_zero_warn(f"{self._path} {what}; it is written again, from the checkpoint")

    @rank_zero_only
    def begin(self, step: int) -> None:
        """Forgets what earlier processes logged for later steps, which a resumed run takes again.

        Args:
            step: optimizer steps so far.
        """
        rows = read_metrics(self._path)  # first, since it may refuse the file
        # For TensorBoard a session that starts at a step replaces what earlier sessions logged from there on.
        start = Event(session_log=SessionLog(status=SessionLog.START))
        self.experiment._get_file_writer().add_event(start, step + 1)
        sync_parents(self.log_dir)  # TensorBoard may have made the folder just now
        kept = [row for row in rows if int(row["step"]) <= step]
        if len(kept) < len(rows):
            _write_rows(self._path, kept)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs numbers for a step.

        Args:
            metrics: by name.
            step: optimizer steps so far.
        """
        super().log_metrics(metrics, step)
        if step is not None:
            rows = {int(row["step"]): row for row in read_metrics(self._path)}
            if step + 1 in rows:  # other callbacks log the end of an epoch after us, with a step less
                step += 1
            row = rows.setdefault(step, {"step": str(step)})
            row.update({k: f"{float(v):.9g}" for k, v in metrics.items() if not k.startswith(TIME_PREFIX)})
            _write_rows(self._path, [rows[step] for step in sorted(rows)])

    @rank_zero_only
    def save(self) -> None:
        """Brings everything to the disk, where a power cut cannot undo it; `hparams.yaml` whole or not at all."""
        folder = Path(self.log_dir)
        if not folder.is_dir():
            return
        path = folder / self.NAME_HPARAMS_FILE
        if not path.is_file() or not path.stat().st_size:
            with replacing(path) as file:
                save_hparams_to_yaml(file.name, self.hparams)
        super().save()
        for events in folder.glob("events.out.tfevents.*"):
            sync(events)
        sync(folder)

    @property
    def _path(self) -> Path:
        return Path(self.log_dir) / METRICS


def _write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Replaces `metrics.csv`; without rows there is no such file."""
    if rows:
        atomic_write(path, metrics_text(rows))
    else:
        path.unlink(missing_ok=True)
