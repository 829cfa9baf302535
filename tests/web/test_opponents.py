"""Who can be played, and what the ids of opponents mean. Ids lead to no file that is not listed."""

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pylos.errors import PlayerError, RulesError
from pylos.players.levels import find_level, levels
from pylos.web.app import make_app
from pylos.web.opponents import Opponent, default_opponent, find_opponent
from pylos.web.settings import Settings
from tests.support.players import save_player

MANIFEST = Path(__file__).parents[2] / "lightning_logs" / "reference" / "children" / "manifest.json"


@pytest.fixture
def settings(tmp_path):
    """Settings with a given checkpoint, and a folder with a run that was evaluated and one that was not."""
    runs = tmp_path / "runs"
    manifest = json.loads(MANIFEST.read_text())
    for name in ("evaluated", "deep/new"):
        (runs / name / "checkpoints").mkdir(parents=True)
        (runs / name / "config.yaml").write_text("model: {rules: children}\n")
    entry = manifest["entries"][-1]
    save_player(runs / "evaluated" / "checkpoints" / "best.ckpt", "children", global_step=entry["step"])
    shutil.copy(MANIFEST, runs / "evaluated" / "checkpoints")
    save_player(runs / "deep" / "new" / "checkpoints" / "last.ckpt", "children")
    save_player(tmp_path / "outside.ckpt", "children")
    given = save_player(tmp_path / "mine.ckpt", "children")
    return Settings("children", ckpt_path=str(given), runs=runs)


def listed(settings, rules):
    client = TestClient(make_app(settings), base_url="http://127.0.0.1")
    return client.get(f"/api/1/opponents?rules={rules}").json()


def test_the_list(settings, solved):
    found = listed(settings, "children")
    assert [entry["id"] for entry in found["levels"]] == [f"level:{x.name}" for x in levels("children")]
    assert found["given"] == {"id": "given", "title": "mine.ckpt"}
    assert found["perfect"] is None
    new, evaluated = found["checkpoints"]
    assert (new["id"], new["elo"], new["step"]) == ("run:deep/new/last.ckpt", None, 40)
    assert evaluated["id"] == "run:evaluated/best.ckpt"
    assert evaluated["elo_low"] < evaluated["elo"] < evaluated["elo_high"]
    assert evaluated["title"] == f"evaluated, epoch {evaluated['epoch'] + 1}"
    assert str(settings.runs.parent) not in json.dumps(found)


def test_lists_of_other_rules(settings, solved):
    other = listed(settings, "mini-standard")
    assert (other["given"], other["checkpoints"]) == (None, [])
    assert other["perfect"]["title"] == "Perfect play"
    assert listed(Settings(), "standard")["checkpoints"] == []
    assert "unknown rule set" in listed(settings, "nonsense")["error"]


def test_ids(settings):
    level = levels("children")[0]
    assert find_opponent(settings, "children", f"level:{level.name}") == Opponent(
        level.agent, level.simulations, level.temperature
    )
    assert find_opponent(settings, "children", "perfect").agent is None
    assert find_opponent(settings, "children", "given") == Opponent(settings.ckpt_path, 64)
    assert find_opponent(settings, "children", "given@0") == Opponent(settings.ckpt_path, 0)
    run = find_opponent(settings, "children", "run:deep/new/last.ckpt@16")
    assert (Path(run.agent), run.simulations) == (settings.runs / "deep/new/checkpoints/last.ckpt", 16)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "random",
        "level:nobody",
        "level:",
        "given@999999999",
        "run:",
        "run:deep/new",
        "run:deep/new/none.ckpt",
        "run:deep/new/../new/last.ckpt",
        "run:deep/new/checkpoints/last.ckpt",
        "run:../outside.ckpt",
        "run:/../outside.ckpt",
        "run:deep/new/../../../outside.ckpt",
        "run:evaluated/best.ckpt@x",
        "outside.ckpt",
    ],
)
def test_ids_that_lead_nowhere(settings, text):
    with pytest.raises(PlayerError) as error:
        find_opponent(settings, "children", text)
    assert str(settings.runs.parent) not in str(error.value)


def test_links_out_of_the_folder_are_not_followed(settings):
    checkpoints = settings.runs / "evaluated" / "checkpoints"
    (checkpoints / "link.ckpt").symlink_to(settings.runs.parent / "outside.ckpt")
    with pytest.raises(PlayerError):
        find_opponent(settings, "children", "run:evaluated/link.ckpt")


def test_what_was_not_given_is_no_opponent():
    for text in ("given", "run:a/b.ckpt"):
        with pytest.raises(PlayerError):
            find_opponent(Settings(), "standard", text)
    with pytest.raises(RulesError):
        find_opponent(Settings(), "nonsense", "level:child")


def test_the_first_opponent(settings):
    assert default_opponent(settings) == "given"
    text = default_opponent(Settings())
    assert (
        find_opponent(Settings(), "standard", text).simulations
        == find_level("standard", text[6:]).simulations
    )
