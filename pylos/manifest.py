"""The manifest of a run: what is known about the strength of each of its checkpoints, in ``manifest.json``.

One entry for every training step that was evaluated, or whose evaluation failed. A checkpoint on disk without
an entry is missing from the manifest; that is found by looking, and never written down. The entries keep all
matches, so that ratings can be fitted anew to all games whenever some are added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType
from typing import Any

from pylos.checkpoints import CheckpointFile, StrPath, atomic_write
from pylos.errors import CheckpointError
from pylos.results import MatchResult, label

FILE_NAME = "manifest.json"
VERSION = 1
"""Of the file's format: it grows with every change that an older program would misread."""

EVALUATED, FAILED = "evaluated", "failed"
RANDOM = "random"
STEP_PREFIX = "step-"


def step_name(step: int) -> str:
    """The name under which the weights of a training step play matches."""
    return f"{STEP_PREFIX}{step}"


@dataclass(frozen=True)
class Entry:
    """What is known about the weights of one training step; what a failed evaluation left open is None."""

    step: int
    """Global step of the training, which identifies the weights."""
    epoch: int
    file: str | None
    """Name of a checkpoint in the manifest's folder that holds these weights; None when there is none."""
    status: str
    """EVALUATED or FAILED."""
    reason: str | None
    """Why the evaluation failed."""
    time: str
    """When the evaluation ended: UTC, in ISO 8601."""
    seconds: float | None = None
    """How long the evaluation took."""
    label: str | None = None
    elo: float | None = None
    """On the scale where random has 1000, from all games in the manifest."""
    elo_low: float | None = None
    elo_high: float | None = None
    win_rate_vs_random: float | None = None
    win_rate_vs_previous: float | None = None
    """Against the latest earlier checkpoint that it met; None where there was none."""
    games: int = 0
    """Number of games in all matches."""
    matches: tuple[MatchResult, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**values, "matches": [match.to_dict() for match in self.matches]}

    @classmethod
    def from_dict(cls, values: Any) -> Entry:
        """The inverse of ``to_dict``.

        Raises:
            CheckpointError: the values are not those of an entry.
        """
        _check_types(values, _ENTRY_TYPES, "an entry")
        if values["status"] not in (EVALUATED, FAILED):
            raise CheckpointError(f"the status of an entry cannot be {values['status']!r}")
        return cls(
            **{**values, "matches": tuple(MatchResult.from_dict(match) for match in values["matches"])}
        )


_NUMBER = (int, float, NoneType)
_TEXT = (str, NoneType)
_ENTRY_TYPES: dict[str, tuple[type, ...]] = {
    "step": (int,), "epoch": (int,), "file": _TEXT, "status": (str,), "reason": _TEXT, "time": (str,),
    "seconds": _NUMBER, "label": _TEXT, "elo": _NUMBER, "elo_low": _NUMBER, "elo_high": _NUMBER,
    "win_rate_vs_random": _NUMBER, "win_rate_vs_previous": _NUMBER, "games": (int,), "matches": (list,),
}  # fmt: skip
_MANIFEST_TYPES: dict[str, tuple[type, ...]] = {
    "version": (int,), "rules": _TEXT, "evaluation": (dict,), "first_move_elo": _NUMBER,
    "anchor_matches": (list,), "entries": (list,),
}  # fmt: skip


def _check_types(values: Any, types: dict[str, tuple[type, ...]], noun: str) -> None:
    if not isinstance(values, dict) or values.keys() != types.keys():
        raise CheckpointError(f"{noun} has the values {', '.join(types)}")
    for name, allowed in types.items():
        if type(values[name]) not in allowed:
            raise CheckpointError(f"{name!r} of {noun} cannot be {values[name]!r:.50}")


@dataclass
class Manifest:
    """The manifest of the checkpoints in a folder. Changes reach the disk with ``save``."""

    folder: Path
    rules: str | None = None
    """Name of the rule set by which all games are played."""
    evaluation: dict[str, Any] = field(default_factory=dict)
    """Settings of the evaluation (games, simulations, seed, opponents ...) as plain values."""
    first_move_elo: float | None = None
    """What moving first is worth, in Elo."""
    anchor_matches: tuple[MatchResult, ...] = ()
    """Matches of the fixed opponents with each other, which tie strong agents to the scale of random."""
    entries: dict[int, Entry] = field(default_factory=dict)
    """By step, ascending."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / FILE_NAME

    @classmethod
    def load(cls, folder: StrPath) -> Manifest:
        """Reads the manifest of a folder; an empty one where the file does not exist.

        Raises:
            CheckpointError: the file is damaged or not a manifest of this version.
        """
        path = Path(folder) / FILE_NAME
        try:
            values = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
            if isinstance(values, dict) and values.get("version", VERSION) != VERSION:
                raise CheckpointError(
                    f"it has format {values['version']!r:.20}, this program reads {VERSION}"
                )
            _check_types(values, _MANIFEST_TYPES, "a manifest")
            anchor_matches = tuple(map(MatchResult.from_dict, values["anchor_matches"]))
            entries = {entry.step: entry for entry in map(Entry.from_dict, values["entries"])}
            if len(entries) < len(values["entries"]):
                raise CheckpointError("it has two entries for one step")
        except FileNotFoundError:
            return cls(Path(folder))
        except OSError as error:
            raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} is damaged: {error}") from None
        except CheckpointError as error:
            raise CheckpointError(f"{path} is not a manifest: {error}") from None
        return cls(
            Path(folder),
            values["rules"],
            values["evaluation"],
            values["first_move_elo"],
            anchor_matches,
            _sorted(entries),
        )

    def save(self) -> None:
        """Writes the file whole or not at all. The same content always gives the same bytes."""
        values = {
            "version": VERSION,
            "rules": self.rules,
            "evaluation": self.evaluation,
            "first_move_elo": self.first_move_elo,
            "anchor_matches": [match.to_dict() for match in self.anchor_matches],
            "entries": [entry.to_dict() for entry in self.entries.values()],
        }
        text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
        atomic_write(self.path, text + "\n")

    def record(self, epoch: int, step: int, results: Sequence[MatchResult], seconds: float) -> Entry:
        """Enters an evaluation, in place of whatever was known about the step.

        Ratings come with ``update_ratings``, the name of the checkpoint with ``sync_files``.

        Args:
            epoch: of the training.
            step: global step of the training.
            results: matches of ``step_name(step)``, one against random among them.
            seconds: how long they took.

        Raises:
            ValueError: a match is not that of this step, an opponent occurs twice, or random is not among them.
        """
        against = {result.opponent: result for result in results}
        if any(result.player != step_name(step) for result in results) or len(against) < len(results):
            raise ValueError(
                f"not one match of {step_name(step)} for each opponent: {list(map(str, results))}"
            )
        if RANDOM not in against:
            raise ValueError(f"{step_name(step)} has not played against {RANDOM}")
        steps = {other: result for name, result in against.items() if (other := _step_of(name)) is not None}
        earlier = max((other for other in steps if other < step), default=None)
        win_rate = against[RANDOM].score
        entry = Entry(
            step=step,
            epoch=epoch,
            file=None,
            status=EVALUATED,
            reason=None,
            time=_now(),
            seconds=round(seconds, 1),
            label=label(win_rate),
            win_rate_vs_random=win_rate,
            win_rate_vs_previous=None if earlier is None else steps[earlier].score,
            games=sum(result.games for result in results),
            matches=tuple(results),
        )
        self.entries = _sorted({**self.entries, step: entry})
        return entry

    def record_failure(self, epoch: int, step: int, reason: str) -> None:
        """Enters that an evaluation failed, unless the step has been evaluated before."""
        known = self.entries.get(step)
        if known is None or known.status == FAILED:
            entry = Entry(step, epoch, file=None, status=FAILED, reason=" ".join(reason.split()), time=_now())
            self.entries = _sorted({**self.entries, step: entry})

    def update_ratings(self) -> None:
        """Fits the ratings to all games of all entries; to one decimal, far below their uncertainty."""
        from pylos.ratings import fit_ratings

        matches = [match for entry in self.entries.values() for match in entry.matches]
        ratings = fit_ratings([*self.anchor_matches, *matches])
        self.first_move_elo = round(ratings.first_move_elo, 1)
        for step, entry in self.entries.items():
            if entry.status == EVALUATED:
                r = ratings.elo[step_name(step)]
                self.entries[step] = replace(
                    entry, elo=round(r.elo, 1), elo_low=round(r.low, 1), elo_high=round(r.high, 1)
                )

    def sync_files(self, checkpoints: Iterable[CheckpointFile]) -> None:
        """Notes for every entry which of the checkpoints in the folder holds its weights."""
        files = _by_step(checkpoints)
        for step, entry in self.entries.items():
            self.entries[step] = replace(entry, file=files[step].path.name if step in files else None)

    def pending(self, checkpoints: Iterable[CheckpointFile]) -> list[CheckpointFile]:
        """The checkpoints that still need an evaluation, by step, one for each: those missing or failed."""
        files = _by_step(checkpoints)
        return [
            files[step]
            for step in sorted(files)
            if step not in self.entries or self.entries[step].status == FAILED
        ]

    def previous(self, step: int) -> Entry | None:
        """The latest evaluated entry before a step."""
        earlier = [e for e in self.entries.values() if e.step < step and e.status == EVALUATED]
        return earlier[-1] if earlier else None

    def truncate(self, step: int) -> None:
        """Forgets everything later than a step from which training resumes, since it will play out anew."""
        kept = {s: entry for s, entry in self.entries.items() if s <= step}
        if len(kept) < len(self.entries):
            self.entries = kept
            self.update_ratings()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sorted(entries: dict[int, Entry]) -> dict[int, Entry]:
    return dict(sorted(entries.items()))


def _step_of(name: str) -> int | None:
    """The step that a player's name stands for; None for other players."""
    digits = name.removeprefix(STEP_PREFIX)
    return int(digits) if name == f"{STEP_PREFIX}{digits}" and digits.isdecimal() else None


def _by_step(checkpoints: Iterable[CheckpointFile]) -> dict[int, CheckpointFile]:
    """One checkpoint for each step, not last.ckpt where there is another: it will soon hold other weights."""
    by_preference = sorted(checkpoints, key=lambda c: (c.path.name.startswith("last"), c.path.name))
    files: dict[int, CheckpointFile] = {}
    for checkpoint in by_preference:
        files.setdefault(checkpoint.step, checkpoint)
    return files


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")
