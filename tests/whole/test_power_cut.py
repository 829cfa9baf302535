"""A run goes on after a power cut, which leaves what was synced, and nothing else."""

import shutil
from pathlib import Path

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pylos.cli.main import main
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.manifest import Manifest
from pylos.runs.metrics_file import read_metrics
from tests.support.power_cut import Disk
from tests.support.training import config_text


def test_after_a_power_cut_nothing_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    monkeypatch.chdir(here)
    command = ["fit", "-c", "tiny.yaml", "--ckpt_path", "auto", "--trainer.limit_val_batches", "0"]
    config = config_text(max_epochs=3, games=2, evaluation_games=2, simulations=2, batches_per_epoch=2)
    (here / "tiny.yaml").write_text(config)
    disk = Disk(here)
    with disk.watched():
        assert main(command) == 0
    assert len(disk.cuts) == 3
    disk.leave(there, cut=1)  # the third epoch had only begun
    shutil.copy("tiny.yaml", there)
    monkeypatch.chdir(there)
    run = Path("logs/run")
    assert load_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"] == 1
    assert yaml.safe_load((run / "hparams.yaml").read_text())["width"] == 16
    assert len(read_metrics(run / "metrics.csv")) == 2
    assert len(Manifest.load(run / "checkpoints").entries) == 2
    assert (run / "config.yaml").read_text() == (here / run / "config.yaml").read_text()
    assert main(command) == 0
    for name in ("metrics.csv", "hparams.yaml"):
        assert (run / name).read_bytes() == (here / run / name).read_bytes()
    events = [EventAccumulator(str(folder / run)).Reload().Scalars("train/loss") for folder in (here, there)]
    uncut, cut = ([(event.step, event.value) for event in one] for one in events)
    assert len(uncut) == 3
    assert cut == uncut
