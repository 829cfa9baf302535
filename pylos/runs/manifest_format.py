"""The format of `manifest.json`: what may stand in it, and how older versions are read.

Everything is checked here, so users of `read_manifest` can rely on the kinds and ranges of its values.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pylos.errors import CheckpointError
from pylos.system.files import read_bytes
from pylos.system.options import COUNT, COUNT_OR_ZERO, SEED, SHARE, Range, shown
from pylos.system.schema import Choice, Maybe, Only, Row, check_state

VERSION = 2
"""It grows with every change that an older program would misread.

1: an agent's name was that of its weights alone, `step-120`. All agents used the simulations of `evaluation`.
2: a name has the simulations, `step-120:32`, and so has an entry. An end of an interval may be open (null).
"""
STEP_PREFIX = "step-"
EVALUATED, FAILED = "evaluated", "failed"

_STEP = Range(int, 0, 2**63 - 1)
_ELO = Maybe(Range(float, -1e7, 1e7))
_COUNTS = Row(COUNT_OR_ZERO)
_MATCH = Only({"player": str, "opponent": str, "as_first": _COUNTS, "as_second": _COUNTS})
_ENTRY = {
    "step": _STEP, "simulations": COUNT_OR_ZERO, "epoch": _STEP, "file": Maybe(str),
    "status": Choice((EVALUATED, FAILED)), "reason": Maybe(str), "time": str, "seconds": Maybe(Range(float, 0, 1e12)),
    "label": Maybe(str), "elo": _ELO, "elo_low": _ELO, "elo_high": _ELO, "win_rate_vs_random": Maybe(SHARE),
    "win_rate_vs_previous": Maybe(SHARE), "games": COUNT_OR_ZERO, "matches": Row(_MATCH),
}  # fmt: skip
_EVALUATION = {"games": COUNT, "simulations": COUNT_OR_ZERO, "anchors": Row(str), "seed": SEED}
_MANIFEST = {
    "version": Choice((VERSION,)), "rules": Maybe(str), "evaluation": dict, "first_move_elo": _ELO,
    "anchor_matches": Row(_MATCH), "entries": Row(Only(_ENTRY)),
}  # fmt: skip


def agent_name(step: int, simulations: int) -> str:
    """The name under which the weights of a training step play with this number of simulations per decision.

    The same weights with another number of simulations are another player.
    """
    return f"{STEP_PREFIX}{step}:{simulations}"


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The values of a manifest as the present version writes them; None where there is no file.

    Raises:
        CheckpointError: the file cannot be read, or does not hold a manifest.
    """
    try:
        values = json.loads(read_bytes(path), parse_constant=_refuse_constant, object_pairs_hook=_once_each)
        # Half a surrogate pair could not be written again.
        json.dumps(values, ensure_ascii=False).encode()
        if type(values) is dict and values.get("version") == 1:
            values = _with_simulations(values)
        _check(values)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path} is not a manifest: {error}") from None
    return dict(values)


def _check(values: Any) -> None:
    version = values.get("version") if type(values) is dict else None
    if type(version) is int and version > VERSION:
        raise CheckpointError(f"it has format {shown(version)}, this program reads up to {VERSION}")
    check_state(values, Only(_MANIFEST), "manifest")
    if values["evaluation"]:
        check_state(values["evaluation"], Only(_EVALUATION), "evaluation")


def _with_simulations(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a manifest of version 1 as version 2 writes them."""
    old = {name: schema for name, schema in _ENTRY.items() if name != "simulations"}
    check_state(values, {**_MANIFEST, "version": Choice((1,)), "entries": Row(old)}, "manifest")
    if values["entries"]:
        check_state(values["evaluation"], _EVALUATION, "evaluation")
    simulations = values["evaluation"].get("simulations")

    def named(match: dict[str, Any]) -> dict[str, Any]:
        names = {
            side: f"{match[side]}:{simulations}"
            for side in ("player", "opponent")
            if match[side].startswith(STEP_PREFIX) and match[side][len(STEP_PREFIX) :].isdecimal()
        }
        return {**match, **names}

    entries = [
        {**entry, "simulations": simulations, "matches": [named(match) for match in entry["matches"]]}
        for entry in values["entries"]
    ]
    return {**values, "version": VERSION, "entries": entries}


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return values
