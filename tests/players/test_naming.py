"""The texts that name players."""

from pathlib import Path

import pytest

from pylos.errors import CheckpointError, PlayerError
from pylos.players.naming import check_player


@pytest.mark.parametrize(
    "text", ["random", "rollouts:7", "perfect", "perfect:0.1", "reference:0", "a.ckpt:8"]
)
def test_a_sound_text_is_checked_without_loading_anything(text: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ckpt").write_text("no checkpoint at all")
    check_player(text)


@pytest.mark.parametrize("text", ["stockfish", "rollouts:0", "perfect:2", "reference:-1", "a.ckpt:x"])
def test_a_text_that_names_no_player_is_refused_without_loading_anything(text: str):
    with pytest.raises(PlayerError):
        check_player(text)


def test_the_checkpoint_of_a_sound_text_must_be_a_file(tmp_path: Path):
    (tmp_path / "folder.ckpt").mkdir()
    for name, reason in (("none.ckpt", "No such file"), ("folder.ckpt:8", "Is a directory")):
        with pytest.raises(CheckpointError, match=f"no checkpoint .*{reason}"):
            check_player(str(tmp_path / name))
