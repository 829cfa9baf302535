"""Evaluates the checkpoints of a run that are not evaluated yet: `pylos evaluate`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pylos.arena.evaluation import evaluate_agent, play_anchors
from pylos.arena.settings import EvaluationSettings
from pylos.errors import CheckpointError, PylosError
from pylos.players.naming import load_player
from pylos.players.network_player import NetworkPlayer
from pylos.runs.checkpoint_files import CheckpointFile, find_checkpoints, resolve_run
from pylos.runs.folder import EVALUATION_LOCK, locked
from pylos.runs.manifest import Manifest
from pylos.runs.manifest_format import agent_name
from pylos.system.files import StrPath


def evaluate_run(
    run: StrPath,
    games: int | None = None,
    simulations: int | None = None,
    report: Callable[[str], None] = print,
) -> Manifest:
    """Evaluates the checkpoints of a run that its manifest lacks, or whose evaluation failed.

    Each result is entered at once, so an interruption loses at most one. A second call finds nothing left to do.

    Args:
        run: the run's folder, its folder of checkpoints, or a checkpoint.
        games: games of every match; by default as recorded in the manifest.
        simulations: the agent's simulations per decision; by default as recorded in the manifest.
        report: receives a line for every checkpoint.

    Returns:
        the manifest.

    Raises:
        CheckpointError: there is no such run, or its manifest is damaged.
        ConfigurationError: another process is training or evaluating it.
    """
    folder = resolve_run(run)
    with locked(folder), locked(folder, EVALUATION_LOCK):
        return _evaluate_folder(folder, games, simulations, report)


def _evaluate_folder(
    folder: Path, games: int | None, simulations: int | None, report: Callable[[str], None]
) -> Manifest:
    manifest = Manifest.load(folder)
    settings = _settings(manifest)
    settings = dataclasses.replace(
        settings,
        games=settings.games if games is None else games,
        simulations=settings.simulations if simulations is None else simulations,
    )
    manifest.evaluation = manifest.evaluation or settings.to_dict()
    checkpoints, damaged = find_checkpoints(manifest.folder)
    for error in damaged:
        report(f"skipped: {error}")
    for checkpoint in manifest.pending(checkpoints, settings.simulations):
        _evaluate_checkpoint(manifest, checkpoint, checkpoints, settings, report)
    manifest.update_files(checkpoints)
    if manifest.entries:
        manifest.save()
    return manifest


def _settings(manifest: Manifest) -> EvaluationSettings:
    """The settings in the manifest; the defaults where it has none.

    Raises:
        CheckpointError: no evaluation has such settings, or one of the fixed opponents cannot play.
    """
    try:
        settings = EvaluationSettings(**manifest.evaluation)
        settings.fixed_opponents(manifest.rules)  # refused once, not for every checkpoint
    except PylosError as error:
        raise CheckpointError(f"the evaluation settings in {manifest.path}: {error}") from None
    return settings


def _evaluate_checkpoint(
    manifest: Manifest,
    checkpoint: CheckpointFile,
    checkpoints: Sequence[CheckpointFile],
    settings: EvaluationSettings,
    report: Callable[[str], None],
) -> None:
    """Evaluates one checkpoint against random, the anchors and the latest earlier one on disk."""
    start = time.perf_counter()
    epoch = max(checkpoint.epoch, 0)  # a checkpoint from within the first epoch has -1
    try:
        agent = _agent(checkpoint, settings, manifest.rules)
        manifest.rules = agent.rules
        earlier = [other for other in checkpoints if other.step < checkpoint.step]
        previous = _agent(earlier[-1], settings, agent.rules) if earlier else None
        manifest.anchor_matches += tuple(play_anchors(settings, manifest.anchor_matches, agent.rules))
        results = evaluate_agent(settings, agent, previous, agent.rules)
    except Exception as error:  # it is recorded, and the other checkpoints get their turn
        reason = f"{type(error).__name__}: {error}"
        manifest.record_failure(epoch, checkpoint.step, settings.simulations, reason)
        manifest.update_files(checkpoints)
        outcome = f"failed: {error}"
    else:
        seconds = time.perf_counter() - start
        entry = manifest.record(epoch, checkpoint.step, settings.simulations, results, seconds)
        manifest.update_ratings()
        manifest.update_files(checkpoints)
        players = {entry.name: entry.player for entry in manifest.entries.values()}
        scores = (f"{players.get(r.opponent, r.opponent)} {r.score:.2f}" for r in results)
        outcome = f"{entry.label}, {', '.join(scores)}"
    manifest.save()
    report(f"{manifest.entries[checkpoint.step, settings.simulations].player}: {outcome}")


def _agent(checkpoint: CheckpointFile, settings: EvaluationSettings, rules: str | None) -> NetworkPlayer:
    player = load_player(checkpoint.path, rules, settings.simulations, "cpu")
    player.name = agent_name(checkpoint.step, settings.simulations)
    return player
