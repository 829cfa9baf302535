"""What is left of a run when the power goes: what was synced, and nothing else."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pylos.cli.main import main
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.logger import read_metrics
from pylos.runs.manifest import Manifest
from tests.support.training import config_text

Names = dict[str, int]


class Disk:
    """What has reached the disk below a folder, which itself is there.

    A file has the content that it had when it was last synced; a folder the names that it had then. A file is known
    by its inode, as it keeps its content under a new name.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[int, bytes] = {}
        self.folders: dict[int, Names] = {}
        self.cuts: list[tuple[dict[int, bytes], dict[int, Names]]] = []
        """The disk at every instant when a checkpoint to resume from had just got there."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        fsync, last = os.fsync, 0

        def watching_fsync(descriptor: int) -> None:
            nonlocal last
            fsync(descriptor)
            path, inode = Path(os.readlink(f"/proc/self/fd/{descriptor}")), os.fstat(descriptor).st_ino
            if path.is_dir():
                self.folders[inode] = {child.name: child.stat().st_ino for child in path.iterdir()}
                newest = self.folders[inode].get("last.ckpt", last)
                if newest != last:
                    last = newest
                    self.cuts.append((dict(self.files), dict(self.folders)))
            else:
                self.files[inode] = path.read_bytes()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", watching_fsync)
            yield

    def leave(self, cut: int, target: Path) -> None:
        """Writes what a power cut at one of these instants leaves."""
        files, folders = self.cuts[cut]

        def write(inode: int, here: Path, there: Path) -> None:
            there.mkdir()
            for name, child in folders.get(inode, {}).items():
                if (here / name).is_dir():
                    write(child, here / name, there / name)
                else:
                    (there / name).write_bytes(files.get(child, b""))

        write(self.root.stat().st_ino, self.root, target)


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
    disk.leave(1, there)  # the third epoch had only begun
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
