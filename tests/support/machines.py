"""Several machines on one: groups of processes that know each other by their launcher's variables only.

Each has a folder of its own, as a machine has a disk of its own.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tests.support.commands import PYLOS, hear_interrupts
from tests.support.killing import CONFIG, RUN

ON_TWO = ("--trainer.devices", "1", "--trainer.num_nodes", "2", "--trainer.strategy", "ddp")
"""Options of a rank on each of two machines."""
CPU_SECONDS = 120
"""After so much work the system ends a process, even if nobody else can."""
FAULTS = """
import os
import signal

import lightning.pytorch as pl

from pylos.errors import NonFiniteLossError
from pylos.selfplay.play import SelfPlay


class Fault(pl.Callback):
    def __init__(self, place: str, rank: int):
        self.place, self.rank = place, rank

    def setup(self, trainer, pl_module, stage):
        if trainer.global_rank == self.rank and self.place == "self-play":
            SelfPlay.play = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_index):
        if trainer.global_rank == self.rank and self.place == "training" and batch_index == 3:
            raise NonFiniteLossError("the loss is nan")
"""
"""A module of the user: a callback by which a rank is killed in self-play, or fails in training."""


def fault(place: str, rank: int) -> tuple[str, ...]:
    """Options by which a rank ends too early."""
    arguments = {"place": place, "rank": str(rank)}
    options = [part for name, value in arguments.items() for part in (f"--trainer.callbacks.{name}", value)]
    return ("--trainer.callbacks+=faults.Fault", *options)


def free_port() -> str:
    """A port that nobody uses now."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return str(place.getsockname()[1])


def torchrun(*arguments: str) -> list[str | Path]:
    """The command before `pylos`."""
    return [sys.executable, "-m", "torch.distributed.run", *arguments, PYLOS]


def torchrun_on(node: int, port: str) -> list[str | Path]:
    """The same for one of two machines."""
    place = ("--master-addr", "127.0.0.1", "--master-port", port)
    return torchrun("--nnodes", "2", "--node-rank", str(node), "--nproc-per-node", "1", *place)


def slurm_on(node: int, port: str) -> dict[str, str]:
    """What SLURM tells a task, of which one runs on each of two machines."""
    job = {"JOB_ID": "7", "JOB_NAME": "pylos", "NTASKS": "2", "NTASKS_PER_NODE": "1", "NNODES": "2"}
    task = {"PROCID": node, "NODEID": node, "LOCALID": 0, "NODELIST": "127.0.0.1"}
    return {f"SLURM_{name}": str(value) for name, value in {**job, **task}.items()} | {"MASTER_PORT": port}


@contextmanager
def running(
    folder: Path, command: Sequence[str | Path], environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """A command in a folder with the configuration of a small run; what it prints lands in `output.txt` there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "faults.py").write_text(FAULTS)
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_prepare,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _prepare() -> None:
    hear_interrupts()
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def fit(*options: str) -> list[str]:
    """The arguments of `pylos` for a fit."""
    return ["fit", "-c", "config.yaml", "--ckpt_path", "auto", *options]


def output(folder: Path) -> str:
    """What a command has printed in a folder."""
    return (folder / "output.txt").read_text()


def wait_for_epochs(
    folder: Path, epochs: int, processes: Sequence[subprocess.Popen], timeout: float = 120
) -> None:
    """Waits until a run has so many epochs behind it."""
    end, metrics = time.monotonic() + timeout, folder / RUN / "metrics.csv"
    while not metrics.exists() or len(metrics.read_text().splitlines()) <= epochs:
        assert all(process.poll() is None for process in processes), output(folder)
        assert time.monotonic() < end, output(folder)
        time.sleep(0.02)


def wait_for_lock(folder: Path, timeout: float = 20) -> None:
    """Waits until nobody trains the run in a folder."""
    try:
        FileLock(folder / RUN / "checkpoints" / "run.lock").acquire(timeout=timeout).lock.release()
    except Timeout:
        raise AssertionError(f"somebody goes on with the run in {folder}") from None
