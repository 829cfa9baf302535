"""The callback that reports a fit in plain lines: one an epoch, and a table at the end."""

from __future__ import annotations

import math
import shlex
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer

from callbacks.report_text import epoch_line, summary_rows
from pylos.errors import CheckpointError
from pylos.runs.config_files import config_files
from pylos.runs.folder import is_trial, run_folder, saved_checkpoint
from pylos.runs.lightning_internals import call_last, callbacks_of, epochs_done
from pylos.runs.manifest import Manifest
from pylos.system.output import table_text
from pylos.system.schema import Each, check_state
from pylos.training.epoch_clock import log_times
from pylos.training.schedule import steps_after


class PlainReport(pl.Callback):
    """Reports a fit in plain lines, beside any progress bar or none.

    After every epoch it prints one line of results to stdout. It does so after all other callbacks, wherever it stands
    in the trainer's list, and right before the checkpoints are written. At the end of the fit it prints a table, also
    when a finished run is resumed and nothing was left to train.
    """

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._metrics: dict[str, float] = {}
        self._unwritten: OSError | None = None

    @property
    def state_key(self) -> str:
        """The same for all kinds of report, because a run may go on with another kind."""
        return "Report"

    def state_dict(self) -> dict[str, Any]:
        """The last losses and ratings: if the run is finished and resumed, its table needs them."""
        kept = {
            key: value for key, value in self._metrics.items() if not key.startswith(("selfplay/", "time/"))
        }
        return {"metrics": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: it is something else.
        """
        check_state(state_dict, {"metrics": Each(float)}, "the state of the report")
        self._metrics = dict(state_dict["metrics"])

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Moves to the end of the trainer's callbacks, to see what the others log."""
        super().setup(trainer, pl_module, stage)
        self._enabled = self._enabled and trainer.is_global_zero
        call_last(trainer, self)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints the line of results."""
        log_times(trainer, pl_module)
        self._metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        if self._enabled:
            line = epoch_line(trainer.current_epoch + 1, trainer.max_epochs, self._metrics)
            try:
                # Not the built-in function: a bar of Lightning that is being drawn makes room for this one.
                pl_module.print(line)
                sys.stdout.flush()
            except OSError as error:
                # Raised later: the epoch's checkpoint is not written yet, and worth more.
                self._unwritten = OSError(error.errno, error.strerror, "standard output")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ends the fit if the last line of results could not be printed.

        Raises:
            OSError: the reason.
        """
        self._raise_unwritten()

    def _raise_unwritten(self) -> None:
        if (error := self._unwritten) is not None:
            self._unwritten = None
            raise error

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prints the table of results and what to run next."""
        self._raise_unwritten()
        if not self._enabled or is_trial(trainer):
            return
        saved = saved_checkpoint(trainer)
        checkpoint = _relative(saved) if saved else None
        recorded = manifest_metrics(checkpoint.parent) if checkpoint else {}
        # The manifest has the newer ratings. Without these of our own, an end that it does not have stays open.
        others = {name: value for name, value in self._metrics.items() if not name.startswith("eval/elo")}
        rows = summary_rows({**(others if recorded else self._metrics), **recorded})
        if checkpoint:
            rows.append(("last checkpoint", str(checkpoint)))
        # Not current_epoch, which a run that is resumed with nothing left to do does not bring up to date.
        epochs = epochs_done(trainer)
        if rows:
            print_table(f"after {epochs} {'epoch' if epochs == 1 else 'epochs'}", rows)
        if checkpoint:
            print_next_steps(trainer, checkpoint, epochs)


def manifest_metrics(folder: Path) -> dict[str, float]:
    """The metrics of the last evaluated agent in the manifest of a folder; none if there is no readable one."""
    try:
        entry = Manifest.load(folder).latest()
    except CheckpointError:
        return {}  # the evaluation has said so
    names = ("elo", "elo_low", "elo_high", "win_rate_vs_random", "win_rate_vs_previous")
    return {f"eval/{name}": value for name in names if (value := getattr(entry, name, None)) is not None}


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_table(title: str, rows: list[tuple[str, str]]) -> None:
    """Prints names and values in two columns."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    for row in rows:
        table.add_row(*row)
    print(table_text(table))


def print_next_steps(trainer: pl.Trainer, checkpoint: Path, epochs: int) -> None:
    """Prints what to run next, as plain lines that can be copied."""
    print("What to run next:")
    rules = str(trainer.lightning_module.hparams.get("rules", "standard"))
    match = ["pylos", "match", str(checkpoint), "random"]
    if rules != "standard":
        match += ["--rules", rules]
    print(f"  {shlex.join(match)}")
    configs = config_files(_relative(run_folder(trainer)))
    if not configs:
        return
    more = []
    limit = trainer.max_epochs
    if limit is not None and 0 < limit <= epochs:
        more += ["--trainer.max_epochs", str(2 * limit)]
        steps = steps_after(trainer, 2 * limit)
        if trainer.lightning_module.hparams.get("schedule_steps") and steps < math.inf:
            more += ["--model.schedule_steps", str(int(steps))]
    if out_of_time(trainer):
        print("  (max_time is used up: it counts the whole run, earlier starts included)")
        more += ["--trainer.max_time", "null"]
    print(f"  {shlex.join(['pylos', 'fit', '-c', str(configs[-1]), '--ckpt_path', 'last', *more])}")


def out_of_time(trainer: pl.Trainer) -> bool:
    """Whether the trainer's `max_time` is used up."""
    remaining = [cb.time_remaining() for cb in callbacks_of(trainer) if isinstance(cb, Timer)]
    return any(seconds is not None and seconds <= 0 for seconds in remaining)
