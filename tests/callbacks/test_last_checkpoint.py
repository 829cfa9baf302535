import json
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from callbacks import LastCheckpoint
from pylos.cli.main import main
from pylos.runs.checkpoint_io import AtomicCheckpointIO
from pylos.runs.manifest import Manifest
from tests.support.training import assert_equal, config_text, tiny_data, tiny_evaluation, tiny_module


def fit(folder, epochs, start=None):
    """With a callback behind ours that keeps the best checkpoints."""
    best = ModelCheckpoint(
        folder,
        monitor="eval/elo",
        mode="max",
        save_top_k=2,
        filename="best-{step}",
        enable_version_counter=False,
    )
    every = ModelCheckpoint(folder / "every", save_top_k=-1)  # monitors nothing, as ours
    callbacks = [LastCheckpoint(folder), tiny_evaluation(games=2), best, every]
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        callbacks=callbacks,
        logger=False,
        plugins=[AtomicCheckpointIO()],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=start)
    return torch.load(folder / "last.ckpt", weights_only=True)


def test_it_saves_after_the_others_wherever_it_stands(tmp_path):
    straight = fit(tmp_path / "straight", 3)
    fit(tmp_path / "resumed", 2)
    resumed = fit(tmp_path / "resumed", 3, start="last")
    for state in (straight, resumed):
        for key in [key for key in state["callbacks"] if "Checkpoint" in key]:
            state["callbacks"][key].pop("current_score")
    assert_equal(straight, resumed)
    names = [sorted(p.name for p in (tmp_path / run).rglob("*.ckpt")) for run in ("straight", "resumed")]
    assert names[0] == names[1]
    (key,) = (key for key in straight["callbacks"] if "eval/elo" in key)
    assert any(name.endswith("step=12.ckpt") for name in names[0])
    assert set(straight["callbacks"][key]["best_k_models"]) == {n for n in names[0] if n.startswith("best")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(
        config_text(max_epochs=1, games=4, evaluation_games=2, simulations=2, batches_per_epoch=4)
    )
    return tmp_path


def test_the_command_takes_other_callbacks_beside_it(folder, capsys):
    more = ["--trainer.callbacks+=ModelCheckpoint", "--trainer.callbacks+=OnExceptionCheckpoint"]
    more += ["--trainer.callbacks.dirpath", "failed"]
    for epochs in ("1", "2"):
        options = ["--ckpt_path", "auto", "--trainer.max_epochs", epochs, *more]
        assert main(["fit", "-c", "tiny.yaml", *options]) == 0
    assert "resuming logs/run from logs/run/checkpoints/last.ckpt: after epoch 1" in capsys.readouterr().err
    names = {path.name for path in Path("logs/run/checkpoints").glob("*.ckpt")}
    assert names == {"last.ckpt", "best-000004.ckpt", "best-000008.ckpt", "epoch=1-step=8.ckpt"}
    assert len(Manifest.load(Path("logs/run/checkpoints")).entries) == 2


@pytest.mark.parametrize("loggers", [["Remote"], ["Remote", "TensorBoardLogger"]])
def test_the_command_finds_its_run_again_with_loggers_that_have_no_folder(folder, capsys, loggers):
    named = {
        "Remote": {"class_path": "tests.support.runs.Remote"},
        "TensorBoardLogger": {
            "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
            "init_args": {"save_dir": "logs", "name": "", "version": "board"},
        },
    }
    option = ["--trainer.logger", json.dumps([named[logger] for logger in loggers])]
    place = Path("logs/board" if len(loggers) > 1 else "root")
    for epochs in ("1", "2"):
        options = [
            "--trainer.default_root_dir",
            "root",
            "--ckpt_path",
            "auto",
            "--trainer.max_epochs",
            epochs,
        ]
        assert main(["fit", "-c", "tiny.yaml", *option, *options]) == 0
    assert "last.ckpt: after epoch 1, step 4" in capsys.readouterr().err
    names = ("last.ckpt", "best-000008.ckpt", "manifest.json", "run.lock", "run.json")
    assert all((place / "checkpoints" / name).is_file() for name in names)
    assert (place / "config-2.yaml").is_file()
    assert main(["evaluate", str(place)]) == 0
    assert capsys.readouterr().out.startswith("nothing was left to evaluate")
    if len(loggers) > 1:
        assert not Path("root").exists()


def test_a_checkpoint_that_a_failed_training_left_is_not_taken_unasked(folder, capsys):
    Path("failed").mkdir()
    Path("failed/on_exception.ckpt").touch()
    more = ["--trainer.callbacks+=OnExceptionCheckpoint", "--trainer.callbacks.dirpath", "failed"]
    for trial in ([], ["--trainer.fast_dev_run", "true"]):
        assert main(["fit", "-c", "tiny.yaml", *more, *trial]) == 2
        assert "Lightning would go on from failed/on_exception.ckpt" in capsys.readouterr().err
    assert not Path("logs").exists()
