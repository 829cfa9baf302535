import json
import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pylos.web.app import make_app
from pylos.web.settings import Settings

KEPT = Path(__file__).parents[2] / "lightning_logs"


def client_of(folder: Path | None) -> TestClient:
    return TestClient(make_app(Settings(runs=folder)), base_url="http://127.0.0.1")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "a b"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "metrics.csv").write_text("step,epoch,train/loss\n4,0,1.5\n")
    (folder / "config.yaml").write_text("trainer: {max_epochs: 1}\nmodel: {rules: children}\n")
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"not looked at")
    return folder


def test_the_list_of_runs():
    answer = client_of(KEPT).get("/api/1/runs").json()
    assert answer["folder"] == "lightning_logs"
    first = answer["runs"][0]
    assert (first["name"], first["state"], first["rules"]) == ("reference", "finished", "standard")
    assert first["elo_low"] < first["elo"] < first["elo_high"]
    assert (first["epochs"], first["max_epochs"], first["checkpoints"], first["error"]) == (200, 200, 0, None)
    assert first["updated"] is None, "the age of a copy is not that of the run"


def test_one_run_in_another():
    answer = client_of(KEPT).get("/api/1/runs/reference/children").json()
    assert answer["rules"] == "children"
    assert answer["columns"][:2] == ["step", "epoch"]
    assert {len(row) for row in answer["rows"]} == {len(answer["columns"])}
    assert len(answer["minutes"]) == len(answer["rows"]) == 42
    assert answer["config"]["width"] == 256
    last = answer["checkpoints"][-1]
    assert (last["id"], last["exists"], last["status"], last["label"]) == (None, False, "evaluated", "Expert")


def test_an_unchanged_run_is_not_sent_again(run: Path):
    client = client_of(run.parent)
    for path in ("/api/1/runs", "/api/1/runs/a%20b"):
        first = client.get(path)
        known = {"If-None-Match": first.headers["etag"]}
        again = client.get(path, headers=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        (run / "metrics.csv").write_text((run / "metrics.csv").read_text() + "8,1,1.25\n")
        grown = client.get(path, headers=known)
        assert grown.status_code == 200
    assert [row[0] for row in grown.json()["rows"]] == [4, 8, 8]


def test_a_checkpoint_without_an_evaluation_is_missing(run: Path):
    (row,) = client_of(run.parent).get("/api/1/runs/a b").json()["checkpoints"]
    assert (row["id"], row["exists"], row["status"], row["step"]) == (
        "run:a b/last.ckpt",
        True,
        "missing",
        None,
    )


def test_a_damaged_run_hides_no_other(run: Path):
    other = run.parent / "<b>"
    other.mkdir()
    (other / "metrics.csv").write_text("nonsense")
    runs = client_of(run.parent).get("/api/1/runs").json()["runs"]
    assert [one["name"] for one in runs] == ["<b>", "a b"]
    assert "metrics.csv is damaged" in runs[0]["error"]
    assert str(run.parent) not in json.dumps(runs)
    assert runs[1]["state"] == "finished"


@pytest.mark.parametrize(
    "name",
    ["..", "../a b", "%2e%2e/secret", "a b/checkpoints", "/etc", "..%2f..%2fetc", "a%00b", "", "reference"],
)
def test_other_names_are_no_runs(run: Path, name: str):
    secret = run.parents[1] / "secret"
    secret.mkdir()
    (secret / "metrics.csv").write_text("step,a\n4,1\n")
    answer = client_of(run.parent).get(f"/api/1/runs/{name}")
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_no_folder_is_explained(tmp_path: Path):
    assert "--runs" in client_of(None).get("/api/1/runs").json()["error"]
    assert client_of(tmp_path / "missing").get("/api/1/runs").json()["runs"] == []


def test_a_name_that_is_no_text_is_shown(run: Path):
    os.rename(run, os.fsencode(run.parent) + b"/\xff")
    (found,) = client_of(run.parent).get("/api/1/runs").json()["runs"]
    assert found["name"] == "?"
