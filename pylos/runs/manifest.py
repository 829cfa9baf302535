"""The manifest of a run: what is known about the strength of its checkpoints, in `manifest.json`.

An agent is the weights of a training step with a number of simulations. Every agent that was evaluated, or whose
evaluation failed, has an entry. Checkpoints that still lack one are found by a look at the disk. The entries keep all
matches, so that ratings can be fitted to all games again whenever some are added.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pylos.arena.results import RANDOM, MatchResult, strength_label
from pylos.errors import CheckpointError
from pylos.runs.checkpoint_files import CheckpointFile
from pylos.runs.folder import MANIFEST
from pylos.runs.manifest_format import EVALUATED, FAILED, STEP_PREFIX, VERSION, agent_name, read_manifest
from pylos.system.files import StrPath, atomic_write, writable

Agent = tuple[int, int]
"""The training step that identifies the weights, and the simulations per decision."""


@dataclass(frozen=True)
class Entry:
    """What is known about one agent; None stands for what a failed evaluation did not find out.

    Raises:
        CheckpointError: the values contradict each other.
    """

    step: int
    """Global step of the training, which identifies the weights."""
    simulations: int
    """Simulations per decision with which they played; 0 for the bare policy."""
    epoch: int
    file: str | None
    """Name of a checkpoint in the manifest's folder that holds these weights; None if there is none."""
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
    """The lower end of its 95 % interval; None where no game says how weak it may be."""
    elo_high: float | None = None
    """The upper end; None where no game says how strong it may be."""
    win_rate_vs_random: float | None = None
    win_rate_vs_previous: float | None = None
    """Against the latest earlier weights among the opponents; None if there were none."""
    games: int = 0
    """Number of games in all matches."""
    matches: tuple[MatchResult, ...] = ()

    def __post_init__(self) -> None:
        opponents = {match.opponent for match in self.matches}
        if any(match.player != self.name for match in self.matches) or len(opponents) < len(self.matches):
            raise CheckpointError(f"the matches of {self.name} are not one match of it for each opponent")
        if self.status == EVALUATED and RANDOM not in opponents:
            raise CheckpointError(f"{self.name} has not played against {RANDOM}")
        if self.games != sum(match.games for match in self.matches):
            raise CheckpointError(f"the number of games of {self.name} is not that of its matches")

    @property
    def agent(self) -> Agent:
        """Whose entry it is."""
        return self.step, self.simulations

    @property
    def name(self) -> str:
        """What it is called in matches."""
        return agent_name(*self.agent)

    @property
    def player(self) -> str:
        """The text of this player, with the checkpoint's name for its path; its name where there is no checkpoint."""
        return self.name if self.file is None else f"{self.file}:{self.simulations}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**values, "matches": [match.to_dict() for match in self.matches]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Entry:
        """The inverse of `to_dict`, for values that `read_manifest` has checked."""
        return cls(
            **{**values, "matches": tuple(MatchResult.from_dict(match) for match in values["matches"])}
        )


@dataclass
class Manifest:
    """The manifest of the checkpoints in a folder. Changes reach the disk with `save`."""

    folder: Path
    rules: str | None = None
    """Name of the rule set by which all games are played."""
    evaluation: dict[str, Any] = field(default_factory=dict)
    """Settings of the evaluation (games, simulations, seed, opponents ...) as plain values."""
    first_move_elo: float | None = None
    """What moving first is worth, in Elo."""
    anchor_matches: tuple[MatchResult, ...] = ()
    """Matches of the fixed opponents with each other. They tie agents that always beat random to its scale."""
    entries: dict[Agent, Entry] = field(default_factory=dict)
    """By agent, ascending: by step, then by simulations."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / MANIFEST

    @classmethod
    def load(cls, folder: StrPath) -> Manifest:
        """Reads the manifest of a folder; an empty one where the file does not exist.

        Raises:
            CheckpointError: the file is damaged or not a manifest of this version.
        """
        path = Path(folder) / MANIFEST
        values = read_manifest(path)
        if values is None:
            return cls(Path(folder))
        try:
            anchor_matches = tuple(map(MatchResult.from_dict, values["anchor_matches"]))
            entries = {entry.agent: entry for entry in map(Entry.from_dict, values["entries"])}
            if len(entries) < len(values["entries"]):
                raise CheckpointError("it has two entries for one agent")
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

    def record(
        self, epoch: int, step: int, simulations: int, results: Sequence[MatchResult], seconds: float
    ) -> Entry:
        """Enters an evaluation, in place of what was known about the agent.

        For the ratings call `update_ratings`, for the name of the checkpoint `update_files`.

        Args:
            epoch: of the training.
            step: global step of the training.
            simulations: per decision, with which the weights played.
            results: matches of `agent_name(step, simulations)`, one against random among them.
            seconds: how long they took.

        Raises:
            CheckpointError: a match is not of this agent, an opponent occurs twice, or random is not among them.
        """
        scores = {result.opponent: result.score for result in results}
        earlier = {other: name for name in scores if (other := _step_of(name)) is not None and other < step}
        win_rate = scores.get(RANDOM, 0.0)
        entry = Entry(
            step=step,
            simulations=simulations,
            epoch=epoch,
            file=None,
            status=EVALUATED,
            reason=None,
            time=_now(),
            seconds=round(seconds, 1),
            label=strength_label(win_rate),
            win_rate_vs_random=win_rate,
            win_rate_vs_previous=scores[earlier[max(earlier)]] if earlier else None,
            games=sum(result.games for result in results),
            matches=tuple(results),
        )
        self.entries = _sorted({**self.entries, entry.agent: entry})
        return entry

    def record_failure(self, epoch: int, step: int, simulations: int, reason: str) -> None:
        """Enters that an evaluation failed, unless the agent has been evaluated before."""
        known = self.entries.get((step, simulations))
        if known is None or known.status == FAILED:
            text = " ".join(writable(reason).split())
            entry = Entry(step, simulations, epoch, file=None, status=FAILED, reason=text, time=_now())
            self.entries = _sorted({**self.entries, entry.agent: entry})

    def update_ratings(self) -> None:
        """Fits the ratings to all games of all entries. One decimal is far below their uncertainty."""
        from pylos.arena.ratings import fit_ratings

        matches = [match for entry in self.entries.values() for match in entry.matches]
        ratings = fit_ratings([*self.anchor_matches, *matches])
        self.first_move_elo = round(ratings.first_move_elo, 1)
        for agent, entry in self.entries.items():
            if entry.status == EVALUATED:
                r = ratings.elo[entry.name]
                self.entries[agent] = replace(
                    entry, elo=round(r.elo, 1), elo_low=_or_open(r.low), elo_high=_or_open(r.high)
                )

    def latest(self) -> Entry | None:
        """The last evaluated entry with the number of simulations in the settings of the run."""
        simulations = self.evaluation.get("simulations")
        found = [e for e in self.entries.values() if e.status == EVALUATED and e.simulations == simulations]
        return found[-1] if found else None

    def update_files(self, checkpoints: Iterable[CheckpointFile]) -> None:
        """Notes for every entry which of these checkpoints holds its weights."""
        files = _by_step(checkpoints)
        for agent, entry in self.entries.items():
            file = writable(files[entry.step].path.name) if entry.step in files else None
            self.entries[agent] = replace(entry, file=file)

    def pending(self, checkpoints: Iterable[CheckpointFile], simulations: int) -> list[CheckpointFile]:
        """The checkpoints that still need an evaluation with this number of simulations: one for each step, by step.

        These are the ones without an entry, and those whose evaluation failed.
        """
        files = _by_step(checkpoints)
        done = {
            entry.step
            for entry in self.entries.values()
            if entry.simulations == simulations and entry.matches
        }
        return [files[step] for step in sorted(files) if step not in done]

    def truncate(self, step: int) -> None:
        """Forgets everything later than a step from which training resumes: that part happens again."""
        kept = {agent: entry for agent, entry in self.entries.items() if entry.step <= step}
        if len(kept) < len(self.entries):
            self.entries = kept
            self.update_ratings()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sorted(entries: dict[Agent, Entry]) -> dict[Agent, Entry]:
    return dict(sorted(entries.items()))


def _or_open(end: float) -> float | None:
    """An end of an interval as JSON can hold it."""
    return round(end, 1) if math.isfinite(end) else None


def _step_of(name: str) -> int | None:
    """The training step of the weights that play under a name; None for other players."""
    match = re.fullmatch(rf"{STEP_PREFIX}([0-9]+):[0-9]+", name)
    return int(match[1]) if match else None


def _by_step(checkpoints: Iterable[CheckpointFile]) -> dict[int, CheckpointFile]:
    """One checkpoint for each step; last.ckpt only if there is no other, for it will soon hold other weights."""
    by_preference = sorted(checkpoints, key=lambda c: (c.path.name.startswith("last"), c.path.name))
    files: dict[int, CheckpointFile] = {}
    for checkpoint in by_preference:
        files.setdefault(checkpoint.step, checkpoint)
    return files
