"""What happens before a subcommand of Lightning runs: its checkpoint is chosen and checked, its folder is locked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from pylos.arena.settings import EvaluationSettings
from pylos.cli.lightning_options import check_fits, numbers_its_runs
from pylos.errors import ConfigurationError
from pylos.network.checkpoints import load_checkpoint, read_progress
from pylos.runs.first_epoch import begin_first_epoch, end_first_epoch
from pylos.runs.folder import (
    CHECKPOINTS,
    checkpoint_folder,
    is_trial,
    last_checkpoint,
    locked,
    logger_with_folder,
    resume_callback,
    run_folder,
)
from pylos.runs.lightning_internals import callbacks_of, starts_copies
from pylos.runs.resuming import check_states
from pylos.runs.starting_point import choose_start, refuse_unasked_checkpoint, resume_point
from pylos.system.output import print_stderr
from pylos.system.signals import set_resume_command
from pylos.training.module import PylosModule


def refuse_spawning(trainer: pl.Trainer) -> None:
    """Raises ConfigurationError for strategies that copy this process, with everything that it holds."""
    if starts_copies(trainer):
        raise ConfigurationError(
            "trainer.strategy ddp_spawn and its like do not go with this command: ddp does"
        )


def is_numbered(trainer: pl.Trainer, loggers: Any) -> bool:
    """Whether the run gets a new numbered folder at every start, so that a later start cannot find it.

    Args:
        trainer: the trainer, before `set_checkpoint_folders`.
        loggers: `trainer.logger` of the configuration.
    """
    callback, logger = resume_callback(trainer), logger_with_folder(trainer)
    if logger is None or (callback is not None and callback.dirpath is not None):
        return False
    return numbers_its_runs(loggers, trainer.loggers.index(logger))


def find_start(trainer: pl.Trainer, command: str, wanted: str | None) -> str | None:
    """The checkpoint that a subcommand starts from or measures; None to start from nothing.

    Args:
        trainer: the trainer that will run it.
        command: the subcommand.
        wanted: what the user asked for, see `choose_start`.

    Raises:
        PylosError: there is no such checkpoint, or `fit` must not start from it.
    """
    if command == "fit" and not is_trial(trainer):
        return choose_start(trainer, wanted)
    if is_trial(trainer):
        # A trial writes no checkpoint, so it has no last one.
        start = None if wanted in ("last", "auto") else wanted
        if command == "fit" and start is None:
            refuse_unasked_checkpoint(trainer)
    elif wanted == "last":
        start = resume_point(checkpoint_folder(trainer)) or str(last_checkpoint(trainer))
    else:
        start = wanted
    if start is None and command != "fit":
        raise ConfigurationError(f"{command} needs a checkpoint: name one with --ckpt_path")
    return start


def check_opponents(trainer: pl.Trainer, rules: str) -> None:
    """Loads what evaluations are to play against, before the folder of a run is touched.

    Raises:
        PylosError: a player cannot be loaded, or plays other rules.
    """
    for callback in callbacks_of(trainer):
        settings = getattr(callback, "settings", None)
        if isinstance(settings, EvaluationSettings):
            settings.fixed_opponents(rules)


def check_start(trainer: pl.Trainer, command: str, model: PylosModule, datamodule: Any, start: str) -> None:
    """Raises PylosError if a checkpoint does not fit the trainer, the model and the data module."""
    checkpoint = load_checkpoint(start, mmap=True)
    check_fits(model, checkpoint, start)
    if command == "fit":
        epochs, most = read_progress(start)[0] + 1, trainer.max_epochs
        if most is not None and 0 <= most < epochs and not is_trial(trainer):
            raise ConfigurationError(
                f"{start} has {epochs} epochs behind it, but trainer.max_epochs is {most}"
            )
        check_states(checkpoint, trainer, datamodule, start)


def names_its_run(arguments: Iterable[str]) -> bool:
    """Whether arguments of the command, not only its configurations, say where the run lies."""
    options = ("--trainer.logger", "--trainer.default_root_dir", "--trainer.callbacks")
    return any(argument.startswith(options) for argument in arguments)


def refuse_config_of_another_run(trainer: pl.Trainer, configs: Iterable[Any]) -> None:
    """Raises ConfigurationError if a configuration lies in the folder of a run but names another run.

    That happens where a run's folder was copied or renamed: its configuration still has the old name.

    Args:
        trainer: the trainer that will resume a run.
        configs: the configurations that the user named.
    """
    run = run_folder(trainer).resolve()
    for config in configs:
        folder = Path(config).resolve().parent
        if folder != run and resume_point(folder / CHECKPOINTS) is not None:
            raise ConfigurationError(
                f"{config} lies in a run's folder but goes on with another run, {run_folder(trainer)}: name the one "
                f"that you mean, for example with --trainer.logger.init_args.version {folder.name}"
            )


@contextmanager
def owning_run(
    trainer: pl.Trainer, wanted: str | None, start: str | None, resume_command: str
) -> Iterator[None]:
    """Locks the run's folder until the end of the block and notes the start of its first epoch. For all ranks.

    Args:
        trainer: the trainer that will fit.
        wanted: what the user asked for.
        start: the checkpoint that `find_start` found for it.
        resume_command: the command that resumes this run.

    Raises:
        ConfigurationError: another process is training this run, or has just done so.
    """
    folder = checkpoint_folder(trainer)  # on all ranks, because they exchange it
    if not trainer.is_global_zero:
        yield
        return
    with locked(folder):
        if choose_start(trainer, wanted) != start:  # another process had the lock and wrote a checkpoint
            raise ConfigurationError("another process has just trained this run: try again")
        set_resume_command(resume_command)
        print_stderr(f"pylos: {start_line(run_folder(trainer), start)}")
        if start is None or Path(start).resolve() != last_checkpoint(trainer).resolve():
            begin_first_epoch(folder, start)
        else:
            end_first_epoch(folder)
        yield


def start_line(folder: Path, start: str | None) -> str:
    """The line that tells the user from where a run starts."""
    if start is None:
        return f"starting {folder} from nothing"
    epoch, step = read_progress(start)
    return f"resuming {folder} from {start}: after epoch {epoch + 1}, step {step}"
