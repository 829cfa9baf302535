"""Opponents: the levels, perfect play, the checkpoint that was given, and those of the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.analysis.tickets import MOST_SIMULATIONS
from pylos.errors import PlayerError
from pylos.players.levels import Level, find_level, level_table, levels
from pylos.runs.folder import LAST
from pylos.runs.manifest_format import EVALUATED
from pylos.runs.watching import find_runs, look_at, read_run
from pylos.solution.tablebase import is_solved
from pylos.system.files import writable
from pylos.system.options import natural, shown
from pylos.web.bodies import query_rules
from pylos.web.settings import Settings

LEVEL, RUN = "level:", "run:"
"""How the ids of levels and of the runs' checkpoints begin."""
PERFECT, GIVEN = "perfect", "given"
SIMULATIONS = 64
"""Per decision, of a checkpoint whose id does not say."""


class Opponent(NamedTuple):
    """How an opponent decides."""

    agent: str | None
    """The text of the agent that searches for it, see `load_agent`; None plays by the solution."""
    simulations: int = SIMULATIONS
    temperature: float = 0.0


def default_opponent(settings: Settings) -> str:
    """The id of the first opponent."""
    return f"{LEVEL}{settings.level}" if settings.ckpt_path is None else GIVEN


def find_opponent(settings: Settings, rules: str, text: str) -> Opponent:
    """The opponent of an id. Whether its checkpoint can be loaded is not tested.

    Raises:
        PlayerError: there is no such opponent.
        RulesError: there is no such rule set.
    """
    if text == PERFECT:
        return Opponent(None)
    if text.startswith(LEVEL):
        level = find_level(rules, text.removeprefix(LEVEL))
        return Opponent(level.agent, level.simulations, level.temperature)
    name, simulations = _split(text)
    if name == GIVEN and settings.ckpt_path is not None:
        return Opponent(settings.ckpt_path, simulations)
    if name.startswith(RUN) and settings.runs is not None:
        return Opponent(str(_run_checkpoint(settings.runs, name.removeprefix(RUN))), simulations)
    raise PlayerError(f"there is no opponent {shown(text)}")


def _split(text: str) -> tuple[str, int]:
    """An id without its simulations, and these."""
    name, at, digits = text.rpartition("@")
    if not at or not digits.isdecimal():
        return text, SIMULATIONS
    simulations = natural(digits, MOST_SIMULATIONS)
    if simulations is None:
        raise PlayerError(f"an opponent makes at most {MOST_SIMULATIONS} simulations, not {shown(digits)}")
    return name, simulations


def _run_checkpoint(root: Path, text: str) -> Path:
    """The checkpoint RUN/FILE. Both are looked up, never joined to a path."""
    run, _, name = text.rpartition("/")
    folder = find_runs(root).get(run)
    files = look_at(folder, root).checkpoints if folder is not None else ()
    for file in files:
        if writable(file.name) == name:
            return file
    if folder is None:
        raise PlayerError(f"there is no run {shown(run)}")
    raise PlayerError(
        f"the checkpoint {shown(name)} of the run {shown(run)} is not there: "
        "a training removes those that better ones have replaced"
    )


async def opponents(request: Request) -> Response:
    """Answers GET /api/1/opponents: who can be played by a rule set."""
    return await run_in_threadpool(_opponents, request)


def _opponents(request: Request) -> Response:
    settings: Settings = request.app.state.settings
    rules = query_rules(request, settings.rules)
    given = None
    if settings.ckpt_path is not None and settings.rules == rules:
        given = {"id": GIVEN, "title": Path(settings.ckpt_path).name}
    return JSONResponse(
        {
            "levels": [_level_entry(level) for level in levels(rules)],
            "perfect": _perfect_entry(rules) if is_solved(rules, distances=True) else None,
            "given": given,
            "checkpoints": list(_checkpoints(settings.runs, rules)) if settings.runs else [],
        }
    )


def _level_entry(level: Level) -> dict[str, Any]:
    shown_fields = ("name", "title", "elo", "elo_low", "elo_high", "text")
    return {"id": f"{LEVEL}{level.name}", **{field: getattr(level, field) for field in shown_fields}}


def _perfect_entry(rules: str) -> dict[str, Any]:
    measured = level_table()[rules]["perfect"]
    ratings = {name: measured[name] for name in ("elo", "elo_low", "elo_high")}
    return {"id": PERFECT, "title": "Perfect play", **ratings}


def _checkpoints(root: Path, rules: str) -> Iterator[dict[str, Any]]:
    """The checkpoints of all runs by these rules, each once: as its run evaluates it, if it did."""
    for run, folder in find_runs(root).items():
        report = read_run(look_at(folder, root))
        if report.rules != rules:
            continue
        best: dict[str, dict[str, Any]] = {}
        for row in report.checkpoints:
            usual = row["status"] == EVALUATED and row["simulations"] == report.simulations
            if row["exists"] and (row["file"] not in best or usual):
                best[row["file"]] = row
        facts = (
            "file",
            "epoch",
            "step",
            "label",
            "elo",
            "elo_low",
            "elo_high",
            "win_rate_vs_random",
            "simulations",
        )
        epochs = Counter(row["epoch"] for file, row in best.items() if file != LAST)
        for file, row in best.items():
            entry = {"id": f"{RUN}{run}/{file}", "run": run, **{name: row[name] for name in facts}}
            yield entry | {"title": _title(entry, epochs[row["epoch"]] > 1)}


def _title(entry: dict[str, Any], several: bool) -> str:
    """A checkpoint for people, such as `mine, epoch 12`, with its file where an epoch has several.

    Its label, such as Expert, is left out: levels are called so, too, and mean another strength.
    """
    if entry["epoch"] is None:
        return f"{entry['run']}, {entry['file']}"
    if entry["file"] == LAST:
        return f"{entry['run']}, last (epoch {entry['epoch'] + 1})"
    return f"{entry['run']}, epoch {entry['epoch'] + 1}" + (f", {entry['file']}" if several else "")


routes = [Route("/api/1/opponents", opponents)]
