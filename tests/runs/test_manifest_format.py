"""What may stand in `manifest.json`: old versions are read, everything else is refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from pylos.arena.ratings import fit_ratings
from pylos.errors import CheckpointError
from pylos.runs.manifest import Manifest
from pylos.runs.manifest_format import VERSION, read_manifest
from pylos.system.files import writable

MATCHES = [
    {"player": "step-20:32", "opponent": "random", "as_first": [8, 0, 2], "as_second": [9, 1, 0]},
    {"player": "step-20:32", "opponent": "step-10:32", "as_first": [6, 0, 4], "as_second": [5, 0, 5]},
]
ENTRY = {
    "step": 20, "simulations": 32, "epoch": 1, "file": "last.ckpt", "status": "evaluated", "reason": None,
    "time": "2026-11-26T14:49:33Z", "seconds": 1.5, "label": "Advanced", "elo": 1300.5,
    "elo_low": 1200, "elo_high": None,
    "win_rate_vs_random": 0.875, "win_rate_vs_previous": 0.55, "games": 40, "matches": MATCHES,
}  # fmt: skip
WHOLE = {
    "version": VERSION, "rules": "standard",
    "evaluation": {"games": 20, "simulations": 32, "anchors": ["rollouts:20"], "seed": 0}, "first_move_elo": -80.5,
    "anchor_matches": [{"player": "rollouts:20", "opponent": "random", "as_first": [1, 2, 3], "as_second": [4, 5, 6]}],
    "entries": [ENTRY],
}  # fmt: skip


def _write(folder: Path, content: Any) -> Path:
    path = folder / "manifest.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_is_whole_is_read_as_it_stands(tmp_path: Path) -> None:
    assert read_manifest(_write(tmp_path, WHOLE)) == WHOLE
    assert read_manifest(tmp_path / "missing.json") is None
    empty = {**WHOLE, "evaluation": {}, "entries": [], "anchor_matches": [], "rules": None}
    assert read_manifest(_write(tmp_path, empty)) == empty


def _old(**changes: Any) -> dict[str, Any]:
    """The same manifest as version 1 wrote it."""
    names = {match["opponent"]: match["opponent"].removesuffix(":32") for match in MATCHES}
    matches = [{**m, "player": "step-20", "opponent": names[m["opponent"]]} for m in MATCHES]
    entry = {name: value for name, value in ENTRY.items() if name != "simulations"}
    return {**WHOLE, "version": 1, "entries": [{**entry, "matches": matches}], **changes}


def test_agents_of_version_1_played_with_the_simulations_of_its_settings(tmp_path: Path) -> None:
    assert read_manifest(_write(tmp_path, _old())) == WHOLE
    manifest = Manifest.load(tmp_path)
    manifest.save()
    assert read_manifest(tmp_path / "manifest.json") == WHOLE
    with pytest.raises(CheckpointError, match="evaluation lacks 'games'"):
        read_manifest(_write(tmp_path, _old(evaluation={})))


REFERENCE = Path(__file__).parents[2] / "lightning_logs" / "reference"


@pytest.mark.parametrize("path", sorted(REFERENCE.rglob("manifest.json")), ids=lambda path: path.parent.name)
def test_records_of_the_agents_that_ship_are_still_read(path: Path) -> None:
    manifest = Manifest.load(path.parent)
    entry = manifest.latest()
    assert entry is not None
    assert entry.simulations == 32
    matches = [match for entry in manifest.entries.values() for match in entry.matches]
    assert all(match.player.endswith(":32") for match in matches)
    rating = fit_ratings([*manifest.anchor_matches, *matches]).elo[entry.name]
    assert rating.elo == pytest.approx(entry.elo, abs=0.051)


ODD = [
    None, True, -1, 0.5, 10**400, "\ud800", [], [1], {}, {"a": 1}, [[[]]], 1e300, "x" * 10_000,
]  # fmt: skip
NAMES = [
    ("version",), ("rules",), ("evaluation",), ("evaluation", "games"), ("evaluation", "simulations"),
    ("evaluation", "anchors"), ("evaluation", "anchors", 0), ("evaluation", "seed"), ("first_move_elo",),
    ("anchor_matches",), ("anchor_matches", 0), ("anchor_matches", 0, "player"), ("anchor_matches", 0, "as_first"),
    ("entries",), ("entries", 0), *(("entries", 0, name) for name in ENTRY), ("entries", 0, "matches", 0),
    ("entries", 0, "matches", 0, "as_second"),
    ("entries", 0, "matches", 0, "as_second", 2), ("entries", 0, "matches", 0, "opponent"),
]  # fmt: skip


def _spoiled(place: tuple[str | int, ...], value: Any) -> Any:
    content = json.loads(json.dumps(WHOLE))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return content


@pytest.mark.parametrize("place", NAMES, ids=lambda place: ".".join(map(str, place)))
def test_odd_values_are_refused_in_one_line_or_make_sense(
    tmp_path: Path, place: tuple[str | int, ...]
) -> None:
    refused = [
        error for value in ODD if (error := _error(_write(tmp_path, _spoiled(place, value)))) is not None
    ]
    assert len(refused) >= len(ODD) - 6


def _error(path: Path) -> str | None:
    """Why a manifest is refused; None if it is not, and can then be worked with."""
    before = path.read_bytes()
    try:
        manifest = Manifest.load(path.parent)
    except CheckpointError as caught:
        error = str(caught)
    else:
        manifest.update_ratings()
        manifest.save()
        assert Manifest.load(path.parent) == manifest
        return None
    assert error.startswith(str(path))
    assert "\n" not in error
    assert len(error) < len(str(path)) + 250
    assert path.read_bytes() == before
    return error


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "7", "[" * 100_000, "\x00",
        json.dumps(WHOLE).replace("1300.5", "1e999"), json.dumps(WHOLE).replace("1300.5", "NaN"),
        json.dumps(WHOLE).replace("1300.5", "-Infinity"), json.dumps(WHOLE).replace("1300.5", "9" * 5000),
        json.dumps(WHOLE).replace('"step": 20', '"step": 20, "step": 20'),
        json.dumps({**WHOLE, "surprise": 1}), json.dumps(_spoiled(("entries", 0, "surprise"), 1)),
        json.dumps(_spoiled(("evaluation", "surprise"), 1)),
        json.dumps(_spoiled(("entries", 0, "matches", 0, "surprise"), 1)),
        json.dumps(_spoiled(("entries", 0, "matches", 0, "as_second"), {"a": 1, "b": 2, "c": 3})),
        json.dumps(_spoiled(("entries",), {"a": ENTRY})),
    ],
    ids=range(18),
)  # fmt: skip
def test_unreadable_files_are_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(CheckpointError) as caught:
        Manifest.load(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_text() == text


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    for version in (VERSION + 1, 9):
        path = _write(tmp_path, json.dumps({"version": version, "news": []}))
        with pytest.raises(CheckpointError, match=f"format {version}, this program reads up to 2"):
            read_manifest(path)
    with pytest.raises(CheckpointError, match="cannot read"):
        read_manifest(tmp_path)


def test_names_of_files_may_be_any_bytes() -> None:
    assert writable("a\udcff.ckpt") == "a?.ckpt"
    assert writable("naïve.ckpt") == "naïve.ckpt"
