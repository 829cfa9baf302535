"""What a fit does in the folder of its run before its first game, started by the command or in Python."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.runs.first_epoch import unfinished_start
from pylos.runs.folder import (
    LAST,
    METRICS,
    another_run_error,
    checkpoint_folder,
    is_trial,
    last_checkpoint,
    model_checkpoints,
    resume_callback,
)
from pylos.runs.identity import is_of_run, new_identity, write_identity
from pylos.runs.lightning_internals import call_last, datamodule_of
from pylos.runs.logger import RunLogger
from pylos.runs.slurm import requeue_on_signal
from pylos.system.signals import at_prompt


def continues_run(trainer: pl.Trainer) -> bool:
    """Whether a fit goes on with the run that lies here. This is known from `on_fit_start` on."""
    start = trainer.ckpt_path
    return trainer.global_step > 0 or (start is not None and is_of_run(start, checkpoint_folder(trainer)))


def begins_run(trainer: pl.Trainer) -> bool:
    """Whether a fit begins a run, so that no other run may lie here. This is known from `on_fit_start` on.

    What an interrupted first epoch has left is not a run: the command has dealt with it.
    """
    return not continues_run(trainer) and unfinished_start(checkpoint_folder(trainer)) is None


def open_run(module: pl.LightningModule, loaded: str | None, history: str | None) -> str | None:
    """Opens the run that a fit goes on with or begins, before a game is played.

    Refuses to mix it with another run, restores a lost history of metrics, and writes its name. Call it on all ranks,
    in `on_fit_start`.

    Args:
        module: the module in training.
        loaded: the name of the run in the loaded checkpoint, if there is one.
        history: the metrics in that checkpoint, see `RunLogger.history`, if there are any.

    Returns:
        the name of the run, which belongs in its checkpoints.

    Raises:
        ConfigurationError: another run has its history there.
    """
    trainer = module.trainer
    if is_trial(trainer):
        return loaded
    requeue_on_signal(trainer)
    last = resume_callback(trainer)
    if last is not None:
        call_last(trainer, last)  # it saves the states of the other callbacks
    folder = checkpoint_folder(trainer)
    begins, continues = begins_run(trainer), continues_run(trainer)
    for logger in trainer.loggers:
        if isinstance(logger, RunLogger):
            path = Path(logger.log_dir) / METRICS
            if begins and path.exists():
                raise another_run_error(path.parent)
            if continues and history is not None:
                logger.restore(history)
            elif continues and not path.exists():
                rank_zero_warn(
                    f"the run goes on, but {path} is missing: it begins anew, without earlier epochs"
                )
    name = loaded if continues else None
    if name is None:
        datamodule = datamodule_of(trainer)
        options = [part.hparams for part in (module, datamodule) if part is not None]
        name = new_identity(module.state_dict().values(), *options, origin=loaded)
    if trainer.is_global_zero and model_checkpoints(trainer):
        write_identity(folder, name)
    return name


def save_start(trainer: pl.Trainer) -> None:
    """Saves a run that begins at a prompt as the checkpoint to go on from, until its first epoch has ended.

    There the module that an interrupted first epoch has changed may be fitted again. A command or a script does
    without: it makes the same start again. Call it on all ranks.
    """
    last = resume_callback(trainer)
    if last is None or is_trial(trainer) or not at_prompt() or not begins_run(trainer):
        return
    if f"{last.filename}{last.FILE_EXTENSION}" == LAST:
        trainer.save_checkpoint(last_checkpoint(trainer))


def how_to_go_on(trainer: pl.Trainer) -> str:
    """Advice for who interrupted a fit in Python."""
    path = last_checkpoint(trainer)
    if not path.is_file():
        return "No checkpoint was kept to go on from: LastCheckpoint among the callbacks keeps one"
    return f"trainer.fit(..., ckpt_path='last') goes on from {path}, to the same result as without the interruption"
