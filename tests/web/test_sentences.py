"""Errors name no folder of this machine."""

from pylos.errors import CheckpointError
from pylos.system.home import home
from pylos.web.sentences import sentence
from pylos.web.settings import Settings


def test_folders_are_left_out(tmp_path, monkeypatch):
    runs = tmp_path / "runs"
    settings = Settings(runs=runs, ckpt_path=str(tmp_path / "kept" / "mine.ckpt"))
    texts = {
        f"{runs}/a/last.ckpt is damaged": "a/last.ckpt is damaged",
        f"{tmp_path}/kept/mine.ckpt was trained": "mine.ckpt was trained",
        f"{home()}/tables/standard.values is damaged": "tables/standard.values is damaged",
        f"cannot read {runs}": "cannot read the folder",
        "1B2 is not legal in '.....w........../........./..../. b 0': why": "1B2 is not legal: why",
        "a short sentence": "a short sentence",
    }
    for text, wanted in texts.items():
        assert sentence(CheckpointError(text), settings) == wanted
    monkeypatch.chdir(tmp_path)
    assert sentence(f"{runs}/x is damaged", Settings(runs="runs")) == "x is damaged"
    assert sentence("runs/x is damaged", Settings(runs="runs", ckpt_path="mine.ckpt")) == "x is damaged"
