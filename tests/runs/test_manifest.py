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

from pylos.arena.ratings import fit_ratings
from pylos.arena.results import MatchResult
from pylos.errors import CheckpointError
from pylos.runs.checkpoint_files import CheckpointFile
from pylos.runs.folder import MANIFEST
from pylos.runs.manifest import Manifest
from pylos.runs.manifest_format import EVALUATED, FAILED, agent_name


def _results(
    step: int, previous: int | None = None, wins: int = 8, simulations: int = 32
) -> list[MatchResult]:
    name = agent_name(step, simulations)
    results = [
        MatchResult(name, "random", (wins, 0, 10 - wins), (wins, 1, 9 - wins)),
        MatchResult(name, "rollouts:200", (3, 0, 7), (2, 0, 8)),
    ]
    if previous is not None:
        results.append(MatchResult(name, agent_name(previous, simulations), (6, 0, 4), (6, 1, 3)))
    return results


def _manifest(folder: Path) -> Manifest:
    """Steps 10 and 20 evaluated, 30 failed."""
    manifest = Manifest.load(folder)
    manifest.rules = "standard"
    manifest.evaluation = {"games": 20, "simulations": 32, "seed": 0, "anchors": ["rollouts:200"]}
    manifest.record(0, 10, 32, _results(10, wins=5), seconds=1.26)
    manifest.record(1, 20, 32, _results(20, previous=10), seconds=2.0)
    manifest.record_failure(2, 30, 32, "out of\n  memory")
    manifest.update_ratings()
    return manifest


def _files(folder: Path, **steps: int) -> list[CheckpointFile]:
    return [CheckpointFile(folder / f"{name}.ckpt", step // 10 - 1, step) for name, step in steps.items()]


def _content(folder: Path) -> Any:
    return json.loads((folder / MANIFEST).read_text())


def test_what_the_file_says(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.update_files(_files(tmp_path, a=10))
    manifest.save()
    content = _content(tmp_path)
    assert (content["version"], content["rules"], content["evaluation"]["games"]) == (2, "standard", 20)
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
        entry, rating = manifest.entries[step, 32], ratings.elo[f"step-{step}:32"]
        assert (entry.elo, entry.elo_low, entry.elo_high) == pytest.approx(
            (rating.elo, rating.low, rating.high), abs=0.051
        )
    assert manifest.first_move_elo == pytest.approx(ratings.first_move_elo, abs=0.051)
    before = manifest.entries[10, 32].elo
    manifest.record(3, 40, 32, _results(40, previous=10, wins=9), seconds=1)
    assert manifest.entries[40, 32].elo is None
    manifest.update_ratings()
    assert manifest.entries[40, 32].elo is not None
    assert manifest.entries[10, 32].elo != before


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.save()
    written = (tmp_path / MANIFEST).read_bytes()
    assert written.endswith(b"}\n")
    loaded = Manifest.load(tmp_path)
    assert loaded == manifest
    loaded.update_ratings()
    loaded.save()
    assert (tmp_path / MANIFEST).read_bytes() == written
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_entries_are_in_the_order_of_steps_however_they_come(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    for step in (30, 10, 20):
        manifest.record(step // 10, step, 32, _results(step), seconds=1)
    manifest.record(1, 10, 0, _results(10, simulations=0), seconds=1)
    manifest.record_failure(0, 5, 32, "no")
    manifest.save()
    entries = [(entry["step"], entry["simulations"]) for entry in _content(tmp_path)["entries"]]
    assert entries == [(5, 32), (10, 0), (10, 32), (20, 32), (30, 32)]


def test_missing_file_is_an_empty_manifest(tmp_path: Path) -> None:
    manifest = Manifest.load(tmp_path / "not" / "there")
    assert (manifest.entries, manifest.rules, manifest.evaluation) == ({}, None, {})
    manifest.update_ratings()
    manifest.save()
    assert Manifest.load(tmp_path / "not" / "there") == manifest


def test_failure_never_replaces_an_evaluation_but_is_replaced_by_one(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    evaluated = manifest.entries[20, 32]
    manifest.record_failure(1, 20, 32, "a later attempt")
    assert manifest.entries[20, 32] == evaluated
    manifest.record_failure(2, 30, 32, "again")
    assert manifest.entries[30, 32].reason == "again"
    manifest.record(2, 30, 32, _results(30), seconds=1)
    assert (manifest.entries[30, 32].status, manifest.entries[30, 32].reason) == (EVALUATED, None)
    manifest.record(1, 20, 32, _results(20, wins=9), seconds=1)
    assert manifest.entries[20, 32].label == "Expert"


def test_other_simulations_are_another_player(tmp_path: Path) -> None:
    """However badly the bare policy of some weights plays, the rating of their search stays, and so do all others."""
    manifest = _manifest(tmp_path)
    before = {agent: (entry.elo, entry.label) for agent, entry in manifest.entries.items()}
    manifest.record(1, 20, 0, _results(20, wins=0, simulations=0)[:1], seconds=1)
    manifest.update_ratings()
    bare = manifest.entries[20, 0]
    assert bare.elo is not None
    for agent, (elo, label) in before.items():
        assert manifest.entries[agent].label == label
        if elo is not None:  # the new games change the value of the first move a little
            assert manifest.entries[agent].elo == pytest.approx(elo, abs=15)
            assert bare.elo < elo - 100
    assert manifest.latest() == manifest.entries[20, 32]
    manifest.save()
    assert Manifest.load(tmp_path) == manifest


def test_pending_are_missing_and_failed_checkpoints_once_each(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    files = _files(tmp_path, e=50, a=10, c=30, last=50, b=20)
    assert [(c.path.name, c.step) for c in manifest.pending(files, 32)] == [("c.ckpt", 30), ("e.ckpt", 50)]
    assert [c.step for c in manifest.pending(files, 0)] == [10, 20, 30, 50]
    assert manifest.pending([], 32) == []
    only_last = _files(tmp_path, last=50)
    assert manifest.pending(only_last, 32) == only_last


def test_sync_prefers_names_that_stay(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.update_files(_files(tmp_path, last=20, zz=20, best=20, z=10, last_v1=10))
    assert [entry.file for entry in manifest.entries.values()] == ["z.ckpt", "best.ckpt", None]
    manifest.update_files(_files(tmp_path, last=20))
    assert [entry.file for entry in manifest.entries.values()] == [None, "last.ckpt", None]


def test_latest_is_the_last_that_was_evaluated_as_the_run_does(tmp_path: Path) -> None:
    assert Manifest(tmp_path).latest() is None
    manifest = _manifest(tmp_path)
    assert manifest.latest() == manifest.entries[20, 32]


def test_an_open_end_is_null_in_the_file(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.record(0, 10, 4, [MatchResult("step-10:4", "random", (5, 0, 0), (5, 0, 0))], seconds=1)
    manifest.update_ratings()
    manifest.save()
    entry = _content(tmp_path)["entries"][0]
    assert entry["elo_low"] < entry["elo"]
    assert entry["elo_high"] is None
    assert Manifest.load(tmp_path) == manifest


def test_win_rate_vs_previous_is_against_the_latest_earlier_one(tmp_path: Path) -> None:
    manifest, name = Manifest(tmp_path), "step-100:32"
    matches = [
        MatchResult(name, "random", (1, 0, 0), (1, 0, 0)),
        MatchResult(name, "step-9:32", (1, 0, 0), (1, 0, 0)),
        MatchResult(name, "step-20:32", (1, 0, 0), (0, 0, 1)),
        MatchResult(name, "step-300:32", (0, 0, 1), (0, 0, 1)),
        MatchResult(name, "step-100:0", (0, 0, 1), (0, 0, 1)),
        MatchResult(name, "step-50", (0, 0, 1), (0, 0, 1)),
        MatchResult(name, "step-60-3f2a91c0:32", (0, 0, 1), (0, 0, 1)),
    ]
    assert manifest.record(0, 100, 32, matches, seconds=1).win_rate_vs_previous == 0.5


def test_truncate_forgets_the_future_and_its_games(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path)
    manifest.truncate(30)
    assert list(manifest.entries) == [(10, 32), (20, 32), (30, 32)]
    manifest.truncate(19)
    assert list(manifest.entries) == [(10, 32)]
    alone = Manifest(tmp_path)
    alone.record(0, 10, 32, _results(10, wins=5), seconds=1)
    alone.update_ratings()
    assert manifest.entries[10, 32].elo == alone.entries[10, 32].elo
    assert manifest.first_move_elo == alone.first_move_elo


def test_record_refuses_matches_of_others_and_none_against_random(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    spoiled = (_results(20), _results(10)[1:], [], [*_results(10), _results(10)[0]])
    for results in (*spoiled, _results(10, simulations=0)):
        with pytest.raises(CheckpointError, match="step-10:32"):
            manifest.record(0, 10, 32, results, seconds=1)
    assert manifest.entries == {}


def test_a_damaged_file_is_refused_and_stays(tmp_path: Path) -> None:
    """For single values see test_manifest_format.py. Here entries contradict themselves or each other."""
    _manifest(tmp_path).save()
    path = tmp_path / MANIFEST
    whole = _content(tmp_path)
    first, second, _ = whole["entries"]
    for entries in (
        [{**first, "step": 11}],
        [{**first, "simulations": 31}],
        [first, first],
        [{**first, "games": 39}],
        [{**first, "matches": [], "games": 0}],
        [{**second, "matches": second["matches"][1:], "games": 40}],
        [{**first, "matches": [*first["matches"], first["matches"][0]], "games": 60}],
        [{**first, "matches": [{**first["matches"][0], "as_first": [0, 0, 0], "as_second": [0, 0]}]}],
    ):
        path.write_text(json.dumps({**whole, "entries": entries}))
        spoiled = path.read_bytes()
        with pytest.raises(CheckpointError) as caught:
            Manifest.load(tmp_path)
        assert str(caught.value).startswith(f"{path} is not a manifest: ")
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == spoiled


WRITER = """
import sys
from pathlib import Path
from pylos.runs.manifest import Manifest
from pylos.arena.results import MatchResult
manifest = Manifest.load(Path(sys.argv[1]))
print("ready", flush=True)
start = max((step for step, _ in manifest.entries), default=0)
while True:
    for step in range(start + 1, start + 60):
        manifest.record(step, step, 4, [MatchResult(f"step-{step}:4", "random", (step, 0, 0), (1, 2, 3))], 1.0)
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
        assert list(manifest.entries) == [(step, 4) for step in range(1, len(manifest.entries) + 1)]
        assert all(entry.matches[0].wins == entry.step + 1 for entry in manifest.entries.values())
    assert len(sizes) > 3  # or else hardly anything was written
    assert {path.name for path in tmp_path.iterdir()} <= {MANIFEST, f"{MANIFEST}.part"}


def test_light_modules_import_neither_torch_nor_lightning() -> None:
    code = (
        "import sys, pylos.arena.results, pylos.arena.ratings, pylos.network.checkpoints, pylos.runs.manifest;"
        "print([m for m in ('torch', 'lightning') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_status_words() -> None:
    """They are part of the file's format."""
    assert (EVALUATED, FAILED) == ("evaluated", "failed")
