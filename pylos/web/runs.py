"""Runs for the page: a list, and all that the folder of one tells. Unchanged answers cost a look at the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pylos.runs.watching import RunFiles, find_runs, look_at, read_run
from pylos.web.bodies import refuse
from pylos.web.settings import Settings


async def runs(request: Request) -> Response:
    """Answers GET /api/1/runs: the runs in the folder."""
    return await run_in_threadpool(_runs, request)


async def run(request: Request) -> Response:
    """Answers GET /api/1/runs/NAME: what one run tells."""
    return await run_in_threadpool(_run, request)


def _runs(request: Request) -> Response:
    root = _root(request)
    found = {name: look_at(folder, root) for name, folder in find_runs(root).items()}
    training = {name: files.training for name, files in found.items()}
    stamp = [(name, training[name], files.stamps) for name, files in found.items()]

    def answer() -> dict[str, Any]:
        return {"folder": root.name, "runs": [_summary(name, found[name], training[name]) for name in found]}

    return _unless_known(request, stamp, answer)


def _run(request: Request) -> Response:
    root, name = _root(request), request.path_params["name"]
    # Looked up, never joined to a path.
    folder = find_runs(root).get(name)
    if folder is None:
        refuse(f"there is no run {name!r} in the folder of the runs", 404)
    files = look_at(folder, root)
    training = files.training

    def answer() -> dict[str, Any]:
        report = read_run(files)
        rows = [
            {"id": f"run:{name}/{row['file']}" if row["exists"] else None, **row}
            for row in report.checkpoints
        ]
        return {
            **_summary(name, files, training),
            "config": report.config,
            "columns": report.columns,
            "rows": report.rows,
            "minutes": report.minutes,
            "checkpoints": rows,
            "simulations": report.simulations,
        }

    return _unless_known(request, (name, training, files.stamps), answer)


def _summary(name: str, files: RunFiles, training: bool) -> dict[str, Any]:
    report = read_run(files)
    state = report.state(training)
    changed = max((path.stat().st_mtime for path in files.metrics if path.exists()), default=None)
    if state == "finished" and not any(minutes is not None for minutes in report.minutes):
        changed = None  # A copy, such as the runs that ship: the files tell when they were copied.
    return {
        "name": name,
        "state": state,
        "rules": report.rules,
        "epochs": report.epochs,
        "max_epochs": report.max_epochs,
        "updated": None
        if changed is None
        else datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"),
        **report.rating(),
        "checkpoints": sum(row["exists"] for row in report.checkpoints),
        "error": report.error,
    }


def _root(request: Request) -> Path:
    settings: Settings = request.app.state.settings
    if (folder := settings.runs) is None:
        refuse("no folder of runs is watched: start with --runs FOLDER", 404)
    return folder


def _unless_known(request: Request, stamp: object, answer: Callable[[], dict[str, Any]]) -> Response:
    """The answer, or that the page has it already."""
    tag = f'"{hashlib.blake2b(repr(stamp).encode(), digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return JSONResponse(answer(), headers=headers)


routes = [Route("/api/1/runs", runs), Route("/api/1/runs/{name:path}", run)]
