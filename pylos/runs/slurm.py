"""Runs on clusters under SLURM: a job that is queued again goes on from `last.ckpt`, and from nothing else.

When a job is about to be stopped, SLURM can send it a signal. Lightning then saves `hpc_ckpt_N.ckpt` in the middle of
an epoch, in a folder that runs share, and the next fit, of whatever run, loads the newest of them. Our runs do not need
this: they may be killed at any instant.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pylos.errors import CheckpointError
from pylos.system.files import StrPath
from pylos.system.output import print_stderr

if TYPE_CHECKING:
    from lightning.pytorch import Trainer


def refuse_hpc_checkpoint(path: StrPath | None) -> None:
    """Raises CheckpointError for a checkpoint that Lightning saved because it ran under SLURM."""
    if path is not None and re.fullmatch(r"hpc_ckpt_\d+\.ckpt", Path(path).name):
        raise CheckpointError(
            f"{path} was saved in the midst of an epoch, of whatever run, and Lightning would go on from it: "
            "move it away"
        )


def was_requeued() -> bool:
    """Whether SLURM runs this job again, with the same command as before."""
    count = os.environ.get("SLURM_RESTART_COUNT", "")
    return count.isdecimal() and int(count) > 0


def requeue_on_signal(trainer: Trainer) -> None:
    """Makes SLURM's signal queue the job again. Lightning's own handler, which this replaces, also saves.

    Does nothing where Lightning would set no handler: outside SLURM, with `SLURMEnvironment(auto_requeue=False)` among
    the trainer's plugins, or where the user has set one. Call it on all ranks, before Lightning sets its handlers.
    """
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    from pylos.runs.lightning_internals import cluster_environment

    environment = cluster_environment(trainer)
    if not isinstance(environment, SLURMEnvironment) or not environment.auto_requeue:
        return
    number = environment.requeue_signal
    if number is None or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(number) in (None, signal.SIG_DFL):
        first = trainer.is_global_zero

        def requeue(signum: int, frame: Any) -> None:
            if first:
                requeue_job()

        signal.signal(number, requeue)


def requeue_job() -> None:
    """Asks SLURM to stop this job and to queue it again."""
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
    try:
        code = subprocess.run(["scontrol", "requeue", job]).returncode
        problem = f"exit code {code}" if code else ""
    except OSError as error:
        problem = str(error)
    said = f"could not queue job {job} again: {problem}" if problem else f"queued job {job} again"
    print_stderr(f"pylos: {said}; the run goes on from its last checkpoint")
