from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pylos.runs.backfill
from pylos.arena.settings import EvaluationSettings
from pylos.errors import CheckpointError
from pylos.runs.backfill import evaluate_run
from pylos.runs.folder import locked
from pylos.runs.manifest import Manifest
from pylos.runs.manifest_format import EVALUATED, FAILED
from tests.support.evaluated import train
from tests.support.training import STEPS_PER_EPOCH

STEPS = STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH
SETTINGS = EvaluationSettings(games=4, simulations=4, anchors=("rollouts:4",))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs, evaluated after each of them. Leave it as it is."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, max_epochs=2)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def unevaluated(run: Path) -> Path:
    """The same without the evaluations, but with their settings."""
    (run / "manifest.json").unlink()
    Manifest(run, evaluation=SETTINGS.to_dict()).save()
    return run


def test_it_fills_in_what_is_missing_and_then_does_nothing(run: Path):
    path = run / "manifest.json"
    values = json.loads(path.read_text())
    values["entries"] = [{**values["entries"][0], "status": FAILED, "reason": "x", "matches": [], "games": 0}]
    path.write_text(json.dumps(values))
    lines: list[str] = []
    manifest = evaluate_run(run, report=lines.append)
    assert [e.status for e in manifest.entries.values()] == [EVALUATED, EVALUATED]
    assert len(lines) == 2
    last = manifest.entries[STEPS[1], 4]
    assert [m.opponent for m in last.matches] == ["random", "rollouts:4", f"step-{STEPS[0]}:4"]
    assert last.games == 12  # the settings of the run, not the defaults
    written = path.read_bytes()
    evaluate_run(run, report=lines.append)
    assert path.read_bytes() == written
    assert len(lines) == 2


def test_its_lines_name_every_agent_as_a_player_in_the_folder(unevaluated: Path, monkeypatch):
    lines: list[str] = []
    evaluate_run(unevaluated, report=lines.append)
    first, second = (rf"best-epoch={epoch}\.ckpt:4" for epoch in (0, 1))
    rates = r"[A-Z][a-z]+, random \d\.\d\d, rollouts:4 \d\.\d\d"
    assert re.fullmatch(f"{first}: {rates}", lines[0])
    assert re.fullmatch(rf"{second}: {rates}, {first} \d\.\d\d", lines[1])

    def fail(*arguments):
        raise OSError("the disk is on fire")

    monkeypatch.setattr(pylos.runs.backfill, "evaluate_agent", fail)
    manifest = evaluate_run(unevaluated, simulations=2, report=lines.append)
    assert lines[2:] == [f"best-epoch={epoch}.ckpt:2: failed: the disk is on fire" for epoch in (0, 1)]
    assert manifest.entries[STEPS[0], 2].reason == "OSError: the disk is on fire"


def test_an_interrupted_backfill_goes_on_where_it_was(unevaluated: Path, tmp_path: Path, monkeypatch):
    again = Path(shutil.copytree(unevaluated, tmp_path / "again"))
    whole = [(e.status, e.elo, e.matches) for e in evaluate_run(unevaluated).entries.values()]
    play, calls = pylos.runs.backfill.evaluate_agent, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return play(*arguments)

    monkeypatch.setattr(pylos.runs.backfill, "evaluate_agent", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_run(again)
    assert [e.status for e in Manifest.load(again).entries.values()] == [EVALUATED]
    manifest = evaluate_run(again)
    assert len(calls) == 2 + len(whole) - 1
    assert [(e.status, e.elo, e.matches) for e in manifest.entries.values()] == whole


def test_a_run_in_training_is_not_evaluated_beside_it(run: Path):
    script = "import sys; from pylos.runs.backfill import evaluate_run; evaluate_run(sys.argv[1])"
    with locked(run):
        result = subprocess.run([sys.executable, "-c", script, run], capture_output=True, text=True)
    assert "another process is at work" in result.stderr


def test_its_games_are_those_that_the_callback_plays(trained: Path, unevaluated: Path):
    played, again = Manifest.load(trained), evaluate_run(unevaluated)
    assert [e.matches for e in again.entries.values()] == [e.matches for e in played.entries.values()]
    assert again.anchor_matches == played.anchor_matches
    assert [(m.player, m.opponent, m.games) for m in played.anchor_matches] == [("rollouts:4", "random", 16)]


def test_the_same_weights_with_other_simulations_are_rated_apart(run: Path):
    before = Manifest.load(run)
    manifest = evaluate_run(run, simulations=0)
    assert list(manifest.entries) == [(step, n) for step in STEPS for n in (0, 4)]
    for agent, entry in before.entries.items():
        assert manifest.entries[agent].matches == entry.matches
    bare = manifest.entries[STEPS[1], 0]
    assert [m.opponent for m in bare.matches] == ["random", "rollouts:4", f"step-{STEPS[0]}:0"]
    assert manifest.evaluation == before.evaluation
    assert manifest.anchor_matches == before.anchor_matches
    assert manifest.latest().agent == (STEPS[1], 4)


def test_settings_that_no_evaluation_has_are_named_with_their_file(run: Path):
    path = run / "manifest.json"
    path.write_text(
        path.read_text().replace('"games": 4,\n    "simulations"', '"games": 3,\n    "simulations"')
    )
    with pytest.raises(
        CheckpointError, match=r"settings in .*manifest.json: an evaluation has an even number"
    ):
        evaluate_run(run)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no checkpoint"), (b"nonsense", "is not a checkpoint")]
)
def test_an_anchor_that_cannot_be_loaded_is_refused_at_once(
    unevaluated: Path, tmp_path: Path, content: bytes | None, message: str
):
    manifest, anchor = Manifest.load(unevaluated), tmp_path / "anchor.ckpt"
    manifest.evaluation["anchors"] = [f"{anchor}:4"]
    manifest.save()
    before = manifest.path.read_bytes()
    if content is not None:
        anchor.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"settings in .*manifest\.json: .*{message}") as caught:
        evaluate_run(unevaluated)
    assert "\n" not in str(caught.value)
    assert manifest.path.read_bytes() == before
