import json
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pylos.checkpoints import CheckpointFile
from pylos.errors import CheckpointError
from pylos.manifest import EVALUATED, FAILED, FILE_NAME, Manifest, step_name
from pylos.ratings import fit_ratings
from pylos.results import MatchResult


def _results(step: int, previous: int | None = None, wins: int = 8) -> list[MatchResult]:
    name = step_name(step)
    results = [
        MatchResult(name, "random", (wins, 0, 10 - wins), (wins, 1, 9 - wins)),
        MatchResult(name, "rollouts:200", (3, 0, 7), (2, 0, 8)),
    ]
    if previous is not None:
        results.append(MatchResult(name, step_name(previous), (6, 0, 4), (6, 1, 3)))
    return results


def _manifest(folder: Path) -> Manifest:
    """Steps 10 and 20 evaluated, 30 failed."""
    manifest = Manifest.load(folder)
    manifest.rules = "standard"
    manifest.evaluation = {"games": 20, "simulations": 32, "seed": 0, "opponents": ["random", "rollouts:200"]}
    manifest.record(0, 10, _results(10, wins=5), seconds=1.26)
    manifest.record(1, 20, _results(20, previous=10), seconds=2.0)
    manifest.record_failure(2, 30, "out of\n  memory")
    manifest.update_ratings()
    return manifest


def _files(folder: Path, **steps: int) -> list[CheckpointFile]:
    return [CheckpointFile(folder / f"{name}.ckpt", step // 10 - 1, step) for name, step in steps.items()]


def _content(folder: Path) -> Any:
    return json.loads((folder / FILE_NAME).read_text())


def test_what_the_file_says(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.sync_files(_files(tmp_path, a=10))
    manifest.save()
    content = _content(tmp_path)
    assert (content["version"], content["rules"], content["evaluation"]["games"]) == (1, "standard", 20)
    first, second, third = content["entries"]
    assert (first["file"], first["epoch"], first["step"], first["status"]) == ("a.ckpt", 0, 10, "evaluated")
    assert (first["label"], first["win_rate_vs_random"]) == ("Novice", 10.5 / 20)
    assert first["win_rate_vs_previous"] is None
    assert (first["games"], first["seconds"]) == (40, 1.3)
    assert first["matches"][0]["as_first"] == [5, 0, 5]
    assert (second["label"], second["win_rate_vs_random"], second["games"]) == ("Advanced", 16.5 / 20, 60)
    assert second["win_rate_vs_previous"] == 12.5 / 20
    assert first["elo_low"] < first["elo"] < second["elo"] < second["elo_high"]
    assert (third["status"], third["reason"], third["file"]) == ("failed", "out of memory", None)
    assert (third["elo"], third["label"], third["games"], third["matches"]) == (None, None, 0, [])
    for entry in content["entries"]:
        moment = datetime.fromisoformat(entry["time"])
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)


def test_ratings_come_from_all_games_of_all_entries(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    ratings = fit_ratings([*_results(10, wins=5), *_results(20, previous=10)])
    for step in (10, 20):
        entry, rating = manifest.entries[step], ratings.elo[step_name(step)]
        assert (entry.elo, entry.elo_low, entry.elo_high) == pytest.approx(
            (rating.elo, rating.low, rating.high), abs=0.051
        )
    assert manifest.first_move_elo == pytest.approx(ratings.first_move_elo, abs=0.051)
    before = manifest.entries[10].elo
    manifest.record(3, 40, _results(40, previous=10, wins=9), seconds=1)
    assert manifest.entries[40].elo is None
    manifest.update_ratings()
    assert manifest.entries[40].elo is not None
    assert manifest.entries[10].elo != before


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.save()
    written = (tmp_path / FILE_NAME).read_bytes()
    assert written.endswith(b"}\n")
    loaded = Manifest.load(tmp_path)
    assert loaded == manifest
    loaded.update_ratings()
    loaded.save()
    assert (tmp_path / FILE_NAME).read_bytes() == written
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_entries_are_in_the_order_of_steps_however_they_come(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for step in (30, 10, 20):
        manifest.record(step // 10, step, _results(step), seconds=1)
    manifest.record_failure(0, 5, "no")
    manifest.save()
    assert [entry["step"] for entry in _content(tmp_path)["entries"]] == [5, 10, 20, 30]


def test_missing_file_is_an_empty_manifest(tmp_path: Path) -> None:
    manifest = Manifest.load(tmp_path / "not" / "there")
    assert (manifest.entries, manifest.rules, manifest.evaluation) == ({}, None, {})
    manifest.update_ratings()
    manifest.save()
    assert Manifest.load(tmp_path / "not" / "there") == manifest


def test_failure_never_replaces_an_evaluation_but_is_replaced_by_one(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    evaluated = manifest.entries[20]
    manifest.record_failure(1, 20, "a later attempt")
    assert manifest.entries[20] == evaluated
    manifest.record_failure(2, 30, "again")
    assert manifest.entries[30].reason == "again"
    manifest.record(2, 30, _results(30), seconds=1)
    assert (manifest.entries[30].status, manifest.entries[30].reason) == (EVALUATED, None)
    manifest.record(1, 20, _results(20, wins=9), seconds=1)
    assert manifest.entries[20].label == "Expert"


def test_pending_are_missing_and_failed_checkpoints_once_each(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    files = _files(tmp_path, e=50, a=10, c=30, last=50, b=20)
    assert [(c.path.name, c.step) for c in manifest.pending(files)] == [("c.ckpt", 30), ("e.ckpt", 50)]
    assert manifest.pending([]) == []
    only_last = _files(tmp_path, last=50)
    assert manifest.pending(only_last) == only_last


def test_sync_prefers_names_that_stay(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.sync_files(_files(tmp_path, last=20, zz=20, best=20, z=10, last_v1=10))
    assert [entry.file for entry in manifest.entries.values()] == ["z.ckpt", "best.ckpt", None]
    manifest.sync_files(_files(tmp_path, last=20))
    assert [entry.file for entry in manifest.entries.values()] == [None, "last.ckpt", None]


def test_previous_is_the_latest_evaluated_before(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    found = {step: manifest.previous(step) for step in (5, 10, 11, 20, 30, 40)}
    assert {step: entry.step if entry else None for step, entry in found.items()} == {
        5: None, 10: None, 11: 10, 20: 10, 30: 20, 40: 20,
    }  # fmt: skip


def test_win_rate_vs_previous_is_against_the_latest_earlier_one(tmp_path: Path) -> None:
    manifest, name = Manifest(tmp_path), step_name(100)
    matches = [
        MatchResult(name, "random", (1, 0, 0), (1, 0, 0)),
        MatchResult(name, "step-9", (1, 0, 0), (1, 0, 0)),
        MatchResult(name, "step-20", (1, 0, 0), (0, 0, 1)),
        MatchResult(name, "step-300", (0, 0, 1), (0, 0, 1)),
        MatchResult(name, "step-x", (0, 0, 1), (0, 0, 1)),
    ]
    assert manifest.record(0, 100, matches, seconds=1).win_rate_vs_previous == 0.5


def test_truncate_forgets_the_future_and_its_games(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.truncate(30)
    assert list(manifest.entries) == [10, 20, 30]
    manifest.truncate(19)
    assert list(manifest.entries) == [10]
    alone = Manifest(tmp_path)
    alone.record(0, 10, _results(10, wins=5), seconds=1)
    alone.update_ratings()
    assert manifest.entries[10].elo == alone.entries[10].elo
    assert manifest.first_move_elo == alone.first_move_elo


def test_record_refuses_matches_of_others_and_none_against_random(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for results in (_results(20), _results(10)[1:], [], [*_results(10), _results(10)[0]]):
        with pytest.raises(ValueError, match="step-10"):
            manifest.record(0, 10, results, seconds=1)
    assert manifest.entries == {}


def _spoil(path: Path, *keys: str | int, value: object) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content))


SPOILED: dict[str, tuple[tuple[str | int, ...], object]] = {
    "version": (("version",), 2),
    "version type": (("version",), None),
    "rules": (("rules",), 3),
    "evaluation": (("evaluation",), []),
    "entries": (("entries",), {}),
    "unknown value": (("surprise",), 1),
    "entry": (("entries", 0), 7),
    "entry with unknown value": (("entries", 0, "surprise"), 1),
    "step": (("entries", 0, "step"), "10"),
    "step twice": (("entries", 0, "step"), 20),
    "bool for a number": (("entries", 0, "epoch"), True),
    "status": (("entries", 0, "status"), "evaluating"),
    "NaN": (("entries", 0, "elo"), float("nan")),
    "match": (("entries", 0, "matches", 0, "as_first"), [1, 2]),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_damaged_content_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    _manifest(tmp_path).save()
    path = tmp_path / FILE_NAME
    keys, value = SPOILED[kind]
    _spoil(path, *keys, value=value)
    spoiled = path.read_bytes()
    with pytest.raises(CheckpointError) as caught:
        Manifest.load(tmp_path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == spoiled


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_unreadable_file_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(text)
    with pytest.raises(CheckpointError, match=FILE_NAME) as caught:
        Manifest.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / FILE_NAME).read_bytes() == text


def test_a_newer_format_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"version": 9, "news": []}')
    with pytest.raises(CheckpointError, match="format 9, this program reads 1"):
        Manifest.load(tmp_path)


WRITER = """
import sys
from pathlib import Path
from pylos.manifest import Manifest, step_name
from pylos.results import MatchResult
manifest = Manifest.load(Path(sys.argv[1]))
print("ready", flush=True)
start = max(manifest.entries, default=0)
while True:
    for step in range(start + 1, start + 60):
        manifest.record(step, step, [MatchResult(step_name(step), "random", (step, 0, 0), (1, 2, 3))] , 1.0)
        manifest.save()
    manifest.truncate(start)
"""


def test_killed_at_any_moment_the_file_is_whole(tmp_path: Path) -> None:
    moments = random.Random(0)
    sizes = set()
    for _ in range(12):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0.005, 0.15))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        manifest = Manifest.load(tmp_path)
        sizes.add(len(manifest.entries))
        assert list(manifest.entries) == list(range(1, len(manifest.entries) + 1))
        assert all(entry.matches[0].wins == step + 1 for step, entry in manifest.entries.items())
    assert len(sizes) > 3  # or else hardly anything was written
    assert {path.name for path in tmp_path.iterdir()} <= {FILE_NAME, f"{FILE_NAME}.part"}


def test_light_modules_import_neither_torch_nor_lightning() -> None:
    code = (
        "import sys, pylos.results, pylos.ratings, pylos.checkpoints, pylos.manifest;"
        "print([m for m in ('torch', 'lightning') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_status_words() -> None:
    """They are part of the file's format."""
    assert (EVALUATED, FAILED) == ("evaluated", "failed")
