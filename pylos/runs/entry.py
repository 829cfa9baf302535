"""What a fit checks and notes when it enters the folder of its run, be it by the command or by a Trainer in Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_warn

from pylos.errors import CheckpointError, ConfigurationError
from pylos.runs.cluster import refuse_hpc_checkpoint, requeue_on_signal
from pylos.runs.folder import another_run, checkpoint_folder, is_trial, model_checkpoints, resume_callback
from pylos.runs.identity import check_identity, new_identity, write_identity
from pylos.runs.logger import FILE_NAME as METRICS
from pylos.runs.logger import RunLogger
from pylos.runs.resuming import check_progress
from pylos.runs.start import begins_run, continues_run
from pylos.system.files import StrPath

NEEDED = ("optimizer_states", "lr_schedulers", "callbacks", "loops")
"""What a fit goes on from, besides weights."""


def check_complete(checkpoint: Mapping[str, Any], path: StrPath) -> None:
    """Raises CheckpointError for a checkpoint that was saved without what a fit goes on from."""
    if missing := [key for key in NEEDED if key not in checkpoint]:
        raise CheckpointError(
            f"fit cannot go on from {path}, which holds weights only: it lacks {', '.join(missing)}; "
            "validate, test, predict and match can take it"
        )


def check_games(checkpoint: Mapping[str, Any], datamodule: Any, path: StrPath) -> None:
    """Raises ConfigurationError if its games cannot go on with the data module's options, and says with which they can.

    They are arrays whose shape follows from these options.
    """
    theirs = checkpoint.get("datamodule_hyper_parameters", {})
    ours = getattr(datamodule, "hparams", {})
    shaping = ["parallel_games", "root"]
    if theirs.get("root") == ours.get("root") == "puct":  # the other one may give weight to any action
        shaping.append("simulations")
    changed = [name for name in shaping if name in theirs and name in ours and theirs[name] != ours[name]]
    if changed:
        wanted = " and ".join(f"data.{name} {theirs[name]} (not {ours[name]})" for name in changed)
        raise ConfigurationError(f"the games in {path} can only go on with {wanted}")


def check_states(checkpoint: Mapping[str, Any], trainer: pl.Trainer, datamodule: Any, path: StrPath) -> None:
    """Raises PylosError if a fit cannot take up the states in a checkpoint, whichever run it is of."""
    check_complete(checkpoint, path)
    check_progress(checkpoint, trainer, path)
    check_games(checkpoint, datamodule, path)


def check_resumable(trainer: pl.Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Raises PylosError if the checkpoint that the trainer is loading is not one for this fit to go on from."""
    path = trainer.ckpt_path or "the checkpoint"
    refuse_hpc_checkpoint(path)
    check_states(checkpoint, trainer, getattr(trainer, "datamodule", None), path)
    if trainer.ckpt_path is not None and not is_trial(trainer):
        check_identity(checkpoint, trainer.ckpt_path, checkpoint_folder(trainer))


def enter(module: pl.LightningModule, loaded: str | None, history: str | None) -> str | None:
    """Checks where a fit is going to write, before a game is played. Call it on all ranks, in ``on_fit_start``.

    Args:
        module: the module in training.
        loaded: the run that the checkpoint named, if there is one.
        history: of the metrics in that run, if the checkpoint has one.

    Returns:
        The name of the run, which belongs in its checkpoints.

    Raises:
        ConfigurationError: another run has its history there.
    """
    trainer = module.trainer
    if is_trial(trainer):
        return loaded
    requeue_on_signal(trainer)
    _save_last(trainer)
    folder = checkpoint_folder(trainer)
    begins, continues = begins_run(trainer), continues_run(trainer)
    for logger in trainer.loggers:
        if isinstance(logger, RunLogger):
            path = Path(logger.log_dir) / METRICS
            if begins and path.exists():
                raise another_run(path.parent)
            if continues and history is not None:
                logger.restore(history)
            elif continues and not path.exists():
                rank_zero_warn(
                    f"the run goes on, but {path} is missing: it begins anew, without earlier epochs"
                )
    name = loaded if continues else None
    if name is None:
        datamodule: Any = getattr(trainer, "datamodule", None)
        options = [part.hparams for part in (module, datamodule) if part is not None]
        name = new_identity(module.state_dict().values(), *options, origin=loaded)
    if trainer.is_global_zero and model_checkpoints(trainer):
        write_identity(folder, name)
    return name


def _save_last(trainer: pl.Trainer) -> None:
    """Lets the checkpoint to resume from be saved after the others, whose callbacks' states are part of it."""
    last = resume_callback(trainer)
    if last is not None:
        every: Any = trainer  # Lightning sets its callbacks from outside the class
        every.callbacks = [*(callback for callback in every.callbacks if callback is not last), last]
