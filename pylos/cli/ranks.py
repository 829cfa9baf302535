"""Several ranks of a command: they watch each other, and go by what the first one decides."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import lightning.pytorch as pl

from pylos.errors import ConfigurationError
from pylos.runs.first_rank import of_first_rank
from pylos.runs.lightning_internals import callbacks_of, cluster_environment, meet, started_ranks
from pylos.system.rank_watch import ADDRESS, RankWatch, begin_watch, present_watch
from pylos.system.signals import leave_last_line_to_others

T = TypeVar("T")


def watch_ranks(trainer: pl.Trainer) -> None:
    """Begins the watch of this rank, if there are others. Call it before Lightning starts them."""
    if trainer.world_size == 1:
        return
    watch = present_watch()
    if watch is None:
        name = f"rank {trainer.global_rank}"
        if trainer.num_nodes > 1:
            name += f" on {socket.gethostname()}"
        prints = trainer.local_rank == 0
        watch = begin_watch(RankWatch(trainer.global_rank, name, prints, partial(_loss, trainer)))
        if not prints:
            leave_last_line_to_others()
    if trainer.is_global_zero:
        watch.listen("127.0.0.1" if trainer.num_nodes == 1 else cluster_environment(trainer).main_address)
        os.environ[ADDRESS] = watch.address
    callbacks_of(trainer).append(JoinWatch())


class JoinWatch(pl.Callback):
    """Connects this rank with the first one, as soon as they have met."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Learns the address from the first rank."""
        join_watch()


def join_watch() -> None:
    """Connects this rank with the first one. Call it on all ranks, after they have met."""
    watch = present_watch()
    address = of_first_rank(lambda: watch.address if watch else "")
    if watch:
        watch.connect(address)


def agreed(trainer: pl.Trainer, options: Callable[[], str], decide: Callable[[], T]) -> T:
    """What the first rank decides. On several machines only its disk counts; the others need not have the run.

    Args:
        trainer: the trainer.
        options: returns those of the command on this rank, as lines.
        decide: looks at the disk and decides. On one machine all ranks see the same, and each decides for itself.

    Raises:
        PylosError: the first rank raised an error, or this one has other options.
    """
    if trainer.num_nodes == 1:
        return decide()
    own = options()
    failure: Exception | None = None
    found: tuple[T, str] | None = None
    if trainer.is_global_zero:  # before the ranks meet, because some of this would exchange something
        try:
            found = decide(), own
        except Exception as error:
            failure = error
    meet(trainer)
    join_watch()

    def result() -> tuple[T, str]:
        if failure is not None:
            raise failure
        assert found is not None
        return found

    decision, wanted = of_first_rank(result)
    if own != wanted:
        pairs = zip(own.splitlines(), wanted.splitlines(), strict=False)
        ours, theirs = next((pair for pair in pairs if pair[0] != pair[1]), ("more or fewer options", ""))
        raise ConfigurationError(
            f"this machine has other options than that of the first rank: {ours.strip()}, there {theirs.strip()}; "
            "configurations, and a file named by --ckpt_path, must be the same on all machines"
        )
    return decision


def launcher_of(trainer: pl.Trainer) -> str:
    """The command that has started the ranks, if it was not ours; otherwise empty."""
    if trainer.world_size == 1 or started_ranks(trainer):
        return ""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun"
    return "srun" if "SLURM_PROCID" in os.environ else ""


def _loss(trainer: pl.Trainer, rank: int) -> tuple[str, int] | None:
    """What Lightning's processes say about the end of a rank that said nothing."""
    processes = started_ranks(trainer)
    if not 0 < rank <= len(processes):
        return None
    try:
        code = processes[rank - 1].wait(1.0)
    except subprocess.TimeoutExpired:
        return None
    if code < 0:
        hint = ", as the system does where memory runs out" if code == -9 else ""
        return f"was killed (signal {-code}{hint})", 128 - code
    return f"ended with exit code {code}", code or 1
