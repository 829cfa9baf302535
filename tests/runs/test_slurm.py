import os
import signal
import threading
import warnings
from pathlib import Path

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.environments import SLURMEnvironment

from pylos.cli.main import main
from pylos.errors import CheckpointError
from pylos.runs.slurm import refuse_hpc_checkpoint, requeue_on_signal, was_requeued
from tests.support.training import config_text, tiny_data, tiny_module, tiny_trainer

JOB = {
    "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "1", "SLURM_NTASKS_PER_NODE": "1",
    "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0",
}  # fmt: skip


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A working directory in a SLURM job, with a `scontrol` that notes what it is asked for."""
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path / "asked"}"\n')
    scontrol.chmod(0o755)
    for name, value in {**JOB, "PATH": f"{scontrol.parent}:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main() replaces it
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    yield tmp_path
    signal.signal(signal.SIGUSR1, before)


class Warned(Callback):
    """SLURM's signal arrives within the first epoch."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGUSR1)


def test_the_signal_queues_the_job_again_and_saves_nothing(job, monkeypatch):
    tiny_trainer(job / "run", max_epochs=1, callbacks=(Warned(),)).fit(tiny_module(), datamodule=tiny_data())
    assert (job / "asked").read_text() == "requeue 7\n"
    assert not list(job.rglob("hpc_ckpt*"))
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert (job / "asked").read_text() == "requeue 7\nrequeue 5_3\n"


def test_a_job_that_cannot_be_queued_again_goes_on(job, capsys, monkeypatch):
    requeue_on_signal(Trainer(accelerator="cpu"))
    monkeypatch.setenv("PATH", str(job))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert "could not queue job 7 again" in capsys.readouterr().err


def test_nothing_is_done_where_the_user_wants_something_else(job):
    requeue_on_signal(Trainer(accelerator="cpu", plugins=[SLURMEnvironment(auto_requeue=False)]))
    thread = threading.Thread(target=lambda: requeue_on_signal(Trainer(accelerator="cpu")))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    requeue_on_signal(Trainer(accelerator="cpu"))
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


def test_a_checkpoint_that_lightning_finds_by_itself_is_not_taken(job, capsys):
    Path("hpc_ckpt_3.ckpt").touch()
    Path("tiny.yaml").write_text(
        config_text(max_epochs=1, games=4, evaluation_games=2, simulations=2, batches_per_epoch=4)
    )
    assert main(["fit", "-c", "tiny.yaml"]) == 2
    assert "hpc_ckpt_3.ckpt was saved in the midst of an epoch" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["hpc_ckpt_3.ckpt", "tiny.yaml"]
    with pytest.raises(CheckpointError, match="move it away"):
        refuse_hpc_checkpoint("here/hpc_ckpt_12.ckpt")
    refuse_hpc_checkpoint("here/last.ckpt")
    refuse_hpc_checkpoint(None)


def test_in_python_neither(job):
    trainer = tiny_trainer(job / "run", max_epochs=1)
    trainer.fit(tiny_module(), datamodule=tiny_data())
    (job / "run" / "last.ckpt").rename(job / "work" / "hpc_ckpt_1.ckpt")
    other = tiny_trainer(job / "other", default_root_dir=job / "work")
    with pytest.raises(CheckpointError, match=r"hpc_ckpt_1\.ckpt was saved in the midst of an epoch"):
        other.fit(tiny_module(), datamodule=tiny_data())
    assert not (job / "other" / "last.ckpt").exists()


def test_a_job_that_runs_again_goes_on_from_its_last_checkpoint(job, capsys, monkeypatch):
    text = config_text(max_epochs=2, games=4, evaluation_games=2, simulations=2, batches_per_epoch=4)
    Path("tiny.yaml").write_text(text)
    assert main(["fit", "-c", "tiny.yaml", "--trainer.max_epochs", "1"]) == 0
    first = Path("logs/run/checkpoints/best-000004.ckpt")
    assert main(["fit", "-c", "tiny.yaml"]) == 2  # another job
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    for options in ([], ["--ckpt_path", str(first)]):
        assert main(["fit", "-c", "tiny.yaml", *options]) == 0
        assert "resuming logs/run from logs/run/checkpoints/last.ckpt" in capsys.readouterr().err
    assert not list(Path("logs/run/checkpoints").glob("*.old"))
    # Where there is nothing to go on with, it begins as it was told to.
    assert main(["fit", "-c", "tiny.yaml", "--trainer.logger.init_args.version", "new"]) == 0
    assert "starting logs/new from nothing" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "again"), [("", False), ("0", False), ("1", True), ("x", False)])
def test_whether_a_job_runs_again(monkeypatch, count, again):
    monkeypatch.setenv("SLURM_RESTART_COUNT", count)
    assert was_requeued() == again
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    assert not was_requeued()
