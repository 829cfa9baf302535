"""Checkpoints of others, and those that are not safe, are refused by every command."""

import os
import subprocess
import warnings
from pathlib import Path

import pytest
import torch

from pylos.cli.main import main
from tests.support.commands import assert_refused, snapshot
from tests.support.training import config_text

TINY = config_text(max_epochs=2, games=4, evaluation_games=4, simulations=2, batches_per_epoch=4)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main() replaces it
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"])
def test_foreign_checkpoints_are_refused(folder, capsys, content):
    Path("foreign.ckpt").write_bytes(content)
    for command in ("fit", "validate", "predict"):
        assert main([command, "-c", "tiny.yaml", "--ckpt_path", "foreign.ckpt"]) == 2
        assert capsys.readouterr().err.count("foreign.ckpt") == 1
    assert not Path("logs").exists()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_checkpoint_that_wants_to_run_code_is_refused_by_every_command(folder, capsys):
    bomb = Path("logs/run/checkpoints/last.ckpt")
    bomb.parent.mkdir(parents=True)
    torch.save({"state_dict": {}, "hyper_parameters": Bomb(), "epoch": 0, "global_step": 0}, bomb)
    before = snapshot(Path())
    commands = [["match", str(bomb), "random"], ["match", "random", f"{bomb}:8"]]
    commands += [["fit", "-c", "tiny.yaml", "--ckpt_path", path] for path in ("last", "auto", str(bomb))]
    commands += [
        [name, "-c", "tiny.yaml", "--ckpt_path", str(bomb)] for name in ("validate", "test", "predict")
    ]
    for command in commands:
        assert main(command) == 2
        captured = capsys.readouterr()
        result = subprocess.CompletedProcess(command, 2, captured.out, captured.err)
        assert_refused(result, f"{bomb} is refused: it wants to run code (posix.mkdir)")
    assert main(["evaluate", "logs/run"]) == 1
    assert "last.ckpt is refused" in capsys.readouterr().out
    after = snapshot(Path())
    assert {path: after[path] for path in after if path.suffix != ".lock"} == before
    assert not Path("executed").exists()


def test_checkpoints_of_other_models_are_refused(folder, capsys):
    checkpoint = {"state_dict": {"w": torch.ones(1)}, "hyper_parameters": {}, "epoch": 0, "global_step": 0}
    torch.save(checkpoint, "other.ckpt")
    assert main(["validate", "--ckpt_path", "other.ckpt"]) == 2
    assert "does not fit the network" in capsys.readouterr().err
    torch.save({**checkpoint, "hyper_parameters": {"width": "wide"}}, "other.ckpt")
    assert main(["validate", "--ckpt_path", "other.ckpt"]) == 2
    assert (
        "other.ckpt does not fit this configuration: model.width must be a whole number, got wide"
        in capsys.readouterr().err
    )
