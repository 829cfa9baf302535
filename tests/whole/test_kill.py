"""Runs of the real command that are killed with SIGKILL, stopped or moved, and what is left of them.

The long form is `make soak`.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.killing import RUN, TWO_RANKS, Process, assert_same_run, run_killed, run_straight

LAST = RUN / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one") / "straight"
    run_straight(folder)
    return folder


def load(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / LAST, weights_only=True)
    return state


def test_a_killed_run_ends_like_an_uninterrupted_one(straight: Path, tmp_path: Path):
    kills = [
        ("self-play", 0.1),
        ("saving", 0.001),
        ("training", 0.02),
        ("evaluation", 0.05),
        ("start-up", 3.0),
    ]
    phases = run_killed(tmp_path / "killed", iter(kills))
    assert len(phases) == len(kills)
    assert_same_run(straight, tmp_path / "killed")


def test_a_killed_run_on_two_ranks_ends_like_an_uninterrupted_one(
    straight_on_two_ranks: Path, tmp_path: Path
):
    kills = [("saving", 0.001), ("self-play", 0.1), ("evaluation", 0.01)]
    phases = run_killed(tmp_path / "killed", iter(kills), TWO_RANKS)
    assert len(phases) == len(kills)
    assert_same_run(straight_on_two_ranks, tmp_path / "killed")


def test_ranks_play_their_own_games_and_share_out_the_evaluation(straight_on_two_ranks: Path):
    first, second = load(straight_on_two_ranks)["SelfPlayDataModule"]["ranks"]
    games = [set(map(tuple, rank["games"]["positions"].tolist())) for rank in (first, second)]
    assert len(games[0] | games[1]) == len(games[0]) + len(games[1])
    assert not torch.equal(first["buffer"]["positions"][:500], second["buffer"]["positions"][:500])
    manifest = json.loads((straight_on_two_ranks / RUN / "checkpoints" / "manifest.json").read_text())
    (anchors,) = manifest["anchor_matches"]
    assert sum(anchors["as_first"]) == sum(anchors["as_second"]) == 24
    for entry in manifest["entries"]:
        assert entry["status"] == "evaluated"
        for match in entry["matches"]:
            assert sum(match["as_first"]) == sum(match["as_second"]) == 6


def test_another_number_of_ranks_goes_on_inexactly_and_says_so(straight_on_two_ranks: Path, tmp_path: Path):
    shutil.copytree(straight_on_two_ranks / RUN, tmp_path / RUN)
    before = load(tmp_path)["SelfPlayDataModule"]["ranks"]
    process = Process(tmp_path, ("--trainer.max_epochs", "5"))
    assert process.finish() == 0, process.text
    assert "not bit for bit as if never interrupted: ranks 2 then, 1 now" in " ".join(process.text.split())
    (after,) = load(tmp_path)["SelfPlayDataModule"]["ranks"]
    samples = sum(len(rank["buffer"]["positions"]) for rank in before)
    assert len(after["buffer"]["positions"]) in (samples, 1500)  # 1500 is as many as fit
    process = Process(tmp_path, ("--trainer.max_epochs", "6", *TWO_RANKS))
    assert process.finish() == 0, process.text
    assert "ranks 1 then, 2 now" in " ".join(process.text.split())
    assert len(load(tmp_path)["SelfPlayDataModule"]["ranks"]) == 2
    assert load(tmp_path)["epoch"] == 5


@pytest.mark.parametrize(
    ("phase", "number"),
    [("self-play", signal.SIGINT), ("evaluation", signal.SIGTERM)],
)
def test_a_signal_ends_the_run_at_once_and_says_how_to_resume(tmp_path: Path, phase: str, number: int):
    process = Process(tmp_path, ("--trainer.max_epochs", "100"))
    while process.phase != phase:
        assert process.popen.poll() is None, process.text
        time.sleep(0.001)
    start = time.monotonic()
    process.signal(number)
    assert process.finish() == 128 + number
    assert time.monotonic() - start < 2
    assert "pylos: interrupted; go on with: pylos fit -c config.yaml" in process.text
    assert "Traceback" not in process.text
