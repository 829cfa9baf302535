"""Checkpoints on disk are found, whatever else lies beside them."""

from pathlib import Path

import pytest

from pylos.runs.checkpoint_files import CheckpointFile, find_checkpoints, resolve_run
from tests.support.saving import IO, error_of, sample_checkpoint


def test_find_sorts_and_tolerates(tmp_path: Path) -> None:
    for name, epoch, step in (("z", 0, 5), ("last", 2, 15), ("best-002", 2, 15), ("a", 1, 10)):
        IO.save_checkpoint(sample_checkpoint(epoch, step), tmp_path / f"{name}.ckpt")
    (tmp_path / "torn.ckpt").write_bytes((tmp_path / "a.ckpt").read_bytes()[:-100])
    (tmp_path / "gone.ckpt").symlink_to("nowhere.ckpt")
    (tmp_path / "last.ckpt.part").write_text("half")
    (tmp_path / "manifest.json").write_text("{}")
    found, errors = find_checkpoints(tmp_path)
    assert found == [
        CheckpointFile(tmp_path / "z.ckpt", 0, 5),
        CheckpointFile(tmp_path / "a.ckpt", 1, 10),
        CheckpointFile(tmp_path / "best-002.ckpt", 2, 15),
        CheckpointFile(tmp_path / "last.ckpt", 2, 15),
    ]
    assert ["gone.ckpt" in str(errors[0]), "torn.ckpt" in str(errors[1]), len(errors)] == [True, True, 2]
    assert find_checkpoints(tmp_path / "nowhere") == ([], [])


def test_resolve_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "lightning_logs" / "quick"
    folder = run / "checkpoints"
    folder.mkdir(parents=True)
    IO.save_checkpoint(sample_checkpoint(), folder / "last.ckpt")
    for path in (run, folder, folder / "last.ckpt"):
        assert resolve_run(path) == folder
    monkeypatch.chdir(folder)
    assert resolve_run(".").resolve() == folder
    (tmp_path / "new" / "checkpoints").mkdir(parents=True)
    for path in (tmp_path / "new", tmp_path / "new" / "checkpoints"):  # nothing in it yet
        assert resolve_run(path) == tmp_path / "new" / "checkpoints"
    flat = tmp_path / "flat"
    IO.save_checkpoint(sample_checkpoint(), flat / "a.ckpt")
    assert resolve_run(flat) == flat

    (run / "config.yaml").write_text("")
    assert "no run at" in error_of(lambda: resolve_run(tmp_path / "nowhere"))
    assert "no run at" in error_of(lambda: resolve_run(folder / "nowhere.ckpt"))
    assert "holds no checkpoints" in error_of(lambda: resolve_run(tmp_path / "lightning_logs"))
    assert "neither a run nor a checkpoint" in error_of(lambda: resolve_run(run / "config.yaml"))
