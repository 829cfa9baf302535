"""What the folder of a run tells while it trains and afterwards, read without disturbing it.

Every file may be replaced meanwhile, be damaged, or be put there by a stranger. So reading takes no lock, loads no
checkpoint, follows no link out of the folder and is bounded in size; what cannot be read becomes one sentence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pylos.errors import CheckpointError
from pylos.runs.checkpoint_table import checkpoint_table
from pylos.runs.config_files import config_files
from pylos.runs.event_times import event_files, minutes_of_training
from pylos.runs.folder import CHECKPOINTS, LOCK, MANIFEST, METRICS, SUFFIX
from pylos.runs.liveness import is_training
from pylos.runs.manifest_format import EVALUATED, read_manifest
from pylos.runs.metrics_file import read_metrics
from pylos.system.files import read_text, writable

MOST_RUNS, MOST_FOLDERS, MOST_DEPTH = 500, 5000, 6
"""How far a search for runs goes."""
MOST_ROWS, MOST_COLUMNS, MOST_CHECKPOINTS = 2000, 300, 500
"""How much of a run is told. Of more epochs, evenly spaced ones are."""
_MOST_BYTES, _LONGEST_CONFIG = 1 << 24, 1 << 15
"""Of a file; and of a configuration, whose nesting could keep its reader busy."""
_LARGE = 1e15
"""No number of a run is as large. Larger ones would not be exact in the page."""
_FACTS = {
    "model": ("rules", "width", "blocks", "learning_rate"),
    "data": ("games_per_epoch", "simulations", "root", "batch_size", "batches_per_epoch", "buffer_size"),
}
"""What is told of a configuration."""


class RunFiles(NamedTuple):
    """The files of a run that exist and lie in the folder of all runs."""

    folder: Path
    checkpoint_folder: Path
    metrics: tuple[Path, ...]
    manifest: tuple[Path, ...]
    config: tuple[Path, ...]
    """The newest."""
    events: tuple[Path, ...]
    checkpoints: tuple[Path, ...]
    stamps: tuple[tuple[int, ...], ...]
    """Of each file, and last of the folder, what changes with its content."""

    @property
    def training(self) -> bool:
        """Whether a process trains the run now."""
        return is_training(
            self.checkpoint_folder, (*self.metrics, *self.events, self.checkpoint_folder / LOCK)
        )


class RunReport(NamedTuple):
    """What the files of a run say."""

    rules: str | None
    max_epochs: int | None
    """None where the configuration leaves it open, or there is none."""
    config: dict[str, Any]
    """A few facts of the newest configuration."""
    columns: list[str]
    rows: list[list[float | None]]
    """[epochs][columns] the metrics; None where one was not measured, or is no finite number."""
    minutes: list[float | None]
    """Of training, for each row."""
    checkpoints: list[dict[str, Any]]
    simulations: int | None
    """Per decision, with which the run's evaluations play."""
    error: str | None
    """What could not be read, as one sentence."""

    @property
    def epochs(self) -> int:
        """How many epochs have ended."""
        place = self.columns.index("epoch") if "epoch" in self.columns else None
        ended = [row[place] for row in self.rows] if place is not None else []
        return int(max((epoch for epoch in ended if epoch is not None), default=-1.0)) + 1

    def state(self, training: bool) -> str:
        """One of `finished` (all epochs of the configuration have ended), `training` and `stopped`."""
        if self.max_epochs is not None and self.epochs >= self.max_epochs > 0:
            return "finished"
        return "training" if training else "stopped"

    def rating(self) -> dict[str, float | None]:
        """The Elo of the last evaluated checkpoint with its 95 % interval."""
        names = ("elo", "elo_low", "elo_high")
        for row in reversed(self.checkpoints):
            if row["status"] == EVALUATED and row["simulations"] == self.simulations:
                return {name: row[name] for name in names}
        for values in reversed(self.rows):
            logged = dict(zip(self.columns, values, strict=True))
            if logged.get("eval/elo") is not None:
                return {name: logged.get(f"eval/{name}") for name in names}
        return dict.fromkeys(names)


def find_runs(root: Path) -> dict[str, Path]:
    """The runs in a folder, also those within others, by their names: their paths from there, with slashes.

    A run has metrics, a configuration or checkpoints. Links to folders are not followed.
    """
    runs: dict[str, Path] = {}
    waiting = [(root, 0)]
    for _ in range(MOST_FOLDERS):
        if not waiting or len(runs) >= MOST_RUNS:
            break
        folder, depth = waiting.pop()
        folders, files = _names(folder)
        if METRICS in files or "config.yaml" in files or CHECKPOINTS in folders:
            name = folder.name if folder == root else folder.relative_to(root).as_posix()
            runs.setdefault(writable(name), folder)
        if depth < MOST_DEPTH:
            waiting += [(folder / name, depth + 1) for name in folders if name != CHECKPOINTS]
    return dict(sorted(runs.items()))


def _names(folder: Path) -> tuple[list[str], set[str]]:
    """The names of the folders and of the files in a folder; none if it cannot be read."""
    folders, files = [], set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                else:
                    files.add(entry.name)
    except OSError:
        pass
    return folders, files


def look_at(folder: Path, root: Path) -> RunFiles:
    """Finds the files of a run, without opening any.

    Args:
        folder: of the run, from `find_runs`.
        root: the folder of all runs, which links must not leave.
    """
    real_root = Path(os.path.realpath(root))
    stamps: list[tuple[int, ...]] = []

    def own(paths: Iterable[Path]) -> tuple[Path, ...]:
        kept = []
        for path in paths:
            try:
                if not Path(os.path.realpath(path)).is_relative_to(real_root):
                    continue
                found = path.stat()
            except OSError:
                continue
            kept.append(path)
            stamps.append((found.st_ino, found.st_size, found.st_mtime_ns))
        return tuple(kept)

    checkpoints = folder / CHECKPOINTS
    inside = own([checkpoints])
    if not inside:
        checkpoints = folder
    return RunFiles(
        folder,
        checkpoints,
        metrics=own([folder / METRICS]),
        manifest=own([checkpoints / MANIFEST]),
        config=own([folder / "hparams.yaml", *config_files(folder)])[-1:],
        events=own(event_files(folder)),
        checkpoints=own(sorted(checkpoints.glob(f"*{SUFFIX}"))[:MOST_CHECKPOINTS]),
        stamps=tuple(stamps),
    )


_reports: dict[Path, tuple[RunFiles, RunReport]] = {}
"""What was read last of each run. What was read before is not kept: a run that trains changes every few seconds."""


def read_run(files: RunFiles) -> RunReport:
    """Reads the files of a run. Files that have not changed are not read again."""
    known = _reports.get(files.folder)
    if known is None or known[0] != files:
        known = files, _report_of(files)
        if len(_reports) >= 2 * MOST_RUNS:  # folders that were renamed or deleted meanwhile
            _reports.clear()
        _reports[files.folder] = known
    return known[1]


def _report_of(files: RunFiles) -> RunReport:
    errors: list[str] = []
    logged: list[dict[str, str]] = _tried(read_metrics, files.metrics, files.folder, errors) or []
    manifest: Mapping[str, Any] = _tried(read_manifest, files.manifest, files.folder, errors) or {}
    config: Mapping[str, Any] = _tried(_read_config, files.config, files.folder, errors) or {}
    rows = _thinned(logged)
    columns = list(dict.fromkeys(name for row in rows for name in row))[:MOST_COLUMNS]
    epochs = {
        int(row["step"]): int(epoch) for row in logged if (epoch := _number(row.get("epoch"))) is not None
    }
    facts = {name: config.get(part, {}).get(name) for part, names in _FACTS.items() for name in names}
    max_epochs = config.get("trainer", {}).get("max_epochs")
    rules = facts.pop("rules") or manifest.get("rules")
    entries = manifest.get("entries", [])[-MOST_CHECKPOINTS:]
    return RunReport(
        rules=rules[:40] if isinstance(rules, str) else None,
        max_epochs=max_epochs if type(max_epochs) is int and 0 < max_epochs < _LARGE else None,
        config={name: value for name, value in facts.items() if _can_be_told(value)},
        columns=[writable(name)[:100] for name in columns],
        rows=[[_number(row.get(name)) for name in columns] for row in rows],
        minutes=minutes_of_training(files.events, [int(row["step"]) for row in rows]),
        checkpoints=checkpoint_table(files.checkpoints, entries, epochs),
        simulations=(manifest.get("evaluation") or {}).get("simulations"),
        error=errors[0] if errors else None,
    )


def _tried(read: Callable[[Path], Any], paths: Sequence[Path], folder: Path, errors: list[str]) -> Any:
    """What is read of a file, if there is one; None and a sentence among the errors if it cannot be read."""
    for path in paths:
        try:
            if path.stat().st_size > (_LONGEST_CONFIG if read is _read_config else _MOST_BYTES):
                raise CheckpointError(f"{path} is too large to be shown")
            return read(path)
        except OSError as error:
            errors.append(f"cannot read {path.name}: {error.strerror}")
        except (CheckpointError, ValueError, RecursionError) as error:
            # The page learns no path of this machine.
            text = str(error).replace(f"{folder}{os.sep}", "").splitlines()[0]
            errors.append(writable(text if path.name in text else f"{path.name} is damaged: {text}"))
    return None


def _thinned(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """At most `MOST_ROWS` of the rows, evenly spaced, the last one among them."""
    every = -(-len(rows) // MOST_ROWS) or 1
    return rows[::-1][::every][::-1]


def _read_config(path: Path) -> dict[str, dict[str, Any]]:
    """The sections of a configuration. `hparams.yaml` is all one section."""
    import yaml

    text = read_text(path)
    try:
        values = yaml.safe_load(text)
    except Exception:  # what PyYAML raises for a value such as `!!bool x` depends on the value
        raise CheckpointError(f"{path} is damaged") from None
    if not isinstance(values, dict):
        return {}
    if path.name == "hparams.yaml":
        return dict.fromkeys(_FACTS, values)
    sections = {name: values.get(name) for name in (*_FACTS, "trainer")}
    # A section may name its class.
    plain = {name: s.get("init_args", s) for name, s in sections.items() if isinstance(s, dict)}
    return {name: section for name, section in plain.items() if isinstance(section, dict)}


def _can_be_told(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 100
    return isinstance(value, (int, float)) and abs(value) < _LARGE


def _number(text: str | None) -> float | None:
    """A number that JSON can hold; None for anything else."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if abs(value) < _LARGE else None  # neither infinite nor NaN
