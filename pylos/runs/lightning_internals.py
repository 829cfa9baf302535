"""Lightning's innards: what we read and set of it that its documentation does not promise.

Each function has a plain name and a reason. All of them were read in Lightning 2.6.6; one is about torch's
own. No other file touches such names, and `tests/runs/test_lightning_internals.py` says which of them a newer Lightning
lacks.
"""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.callbacks.timer import Interval
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher, _SubprocessScriptLauncher
from lightning.pytorch.trainer.states import TrainerFn
from lightning_utilities.core.rank_zero import rank_zero_only
from torch import Tensor, nn

# Modules ----------------------------------------------------------------------------------------------------


def trainer_of(module: pl.LightningModule) -> pl.Trainer | None:
    """The trainer of a module, None where it has none; `module.trainer` raises an error then."""
    return module._trainer


def is_compiled(module: pl.LightningModule) -> bool:
    """Whether a module went through `torch.compile`: Lightning has no other sign of it on the module itself."""
    return module._compiler_ctx is not None


def has_hooks(module: nn.Module) -> bool:
    """Whether torch calls somebody within a step, as loggers that watch gradients want it; it keeps no list."""
    tensors = any(p._backward_hooks or p._post_accumulate_grad_hooks for p in module.parameters())
    kinds = "_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"
    return tensors or any(getattr(part, kind) for part in module.modules() for kind in kinds)


# What a trainer was given -----------------------------------------------------------------------------------


def datamodule_of(trainer: pl.Trainer) -> Any:
    """The data module of a trainer, None where it has none. Lightning adds it to the trainer from outside the class."""
    return getattr(trainer, "datamodule", None)


def callbacks_of(trainer: pl.Trainer) -> list[pl.Callback]:
    """The callbacks of a trainer, in the order of their calls. Lightning sets them from outside the class."""
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set from outside the class
    return callbacks


def call_last(trainer: pl.Trainer, callback: pl.Callback) -> None:
    """Moves a callback to the end of the trainer's list; there is no option for the order.

    The list is a new one, because Lightning may be iterating over the old one.
    """
    others = [other for other in callbacks_of(trainer) if other is not callback]
    trainer.callbacks = [*others, callback]  # type: ignore[attr-defined]  # as above


def given_to_predict(trainer: pl.Trainer) -> Any:
    """What the user gave to `Trainer.predict` for data: Lightning takes it for loaders without asking the module."""
    return trainer.predict_loop._data_source.instance


def give_to_predict(trainer: pl.Trainer, loader: Any) -> None:
    """Replaces what the user gave to `Trainer.predict`, for example boards in memory by a loader of them."""
    trainer.predict_loop._data_source.instance = loader


def starts_copies(trainer: pl.Trainer) -> bool:
    """Whether the trainer's processes are copies of this one, as with `ddp_spawn`; only the launcher's type says so."""
    return isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)


def cluster_environment(trainer: pl.Trainer) -> Any:
    """What starts the processes of a trainer: SLURM, torchrun or Lightning. Not all strategies hand it on."""
    return trainer._accelerator_connector.cluster_environment


def started_ranks(trainer: pl.Trainer) -> list[subprocess.Popen[bytes]]:
    """The processes that Lightning has started from this one, the ranks from 1 on of this machine."""
    launcher: Any = trainer.strategy.launcher
    return list(launcher.procs) if isinstance(launcher, _SubprocessScriptLauncher) else []


def meet(trainer: pl.Trainer) -> None:
    """Starts the ranks of a trainer and waits for them, as a fit would do later. A later fit does not do it again."""
    launcher: Any = trainer.strategy.launcher
    if launcher is None:
        trainer.strategy.setup_environment()
    else:
        launcher.launch(trainer.strategy.setup_environment)


def count_as_first_rank() -> None:
    """Makes this process log and warn as the first rank does, whatever ranks the environment speaks of.

    Lightning sets the number in the same way when a strategy starts processes, but not for a single process.
    """
    rank_zero_only.rank = 0  # type: ignore[attr-defined]  # an attribute of a function


def subcommand_parsers(cli: Any) -> dict[str, Any]:
    """The parsers of a `LightningCLI` by subcommand. Its documented hooks see a parser, but not for which one."""
    parsers: dict[str, Any] = cli._subcommand_parsers
    return parsers


# How far a fit is -------------------------------------------------------------------------------------------


def epochs_done(trainer: pl.Trainer) -> int:
    """The epochs of a run that are over.

    `current_epoch` lags behind in the hooks at a fit's end, and where a finished run is resumed.
    """
    progress: Any = trainer.fit_loop.epoch_progress.current
    return int(progress.processed)


def begins_within_epoch(trainer: pl.Trainer) -> bool:
    """Whether a fit goes on in the middle of an epoch; the trainer itself does not tell."""
    return bool(trainer.fit_loop.restarted_mid_epoch)


def batches_before_restart(trainer: pl.Trainer) -> int:
    """Batches of the present epoch that were trained on before this fit went on; 0 where it begins an epoch."""
    loop: Any = trainer.fit_loop
    return int(loop.epoch_loop.batch_progress.current.processed) if loop.restarted_mid_epoch else 0


def fit_progress(trainer: pl.Trainer) -> dict[str, Any]:
    """The progress of the trainer's fit in the form that checkpoints keep, to check theirs against it."""
    return trainer.fit_loop.state_dict()


# Checkpoints ------------------------------------------------------------------------------------------------


def checkpoint_in_restoration(trainer: pl.Trainer) -> dict[str, Any]:
    """The checkpoint whose states are being restored; empty before and after.

    A state is handed over without the rest of its checkpoint, by which it is checked.
    """
    return trainer._checkpoint_connector._loaded_checkpoint


def checkpoint_found_unasked(trainer: pl.Trainer) -> Any:
    """The checkpoint that a fit told of none would go on from all the same, None where there is none.

    Lightning looks for one under SLURM, and where an `OnExceptionCheckpoint` is among the callbacks. It asks only when
    it is about to fit; an earlier answer avoids traces of a run that is then refused.
    """
    before = trainer.state.fn
    trainer.state.fn = TrainerFn.FITTING
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the fit itself will warn
            return trainer._checkpoint_connector._parse_ckpt_path(TrainerFn.FITTING, None, True, True)
    finally:
        trainer.state.fn = before


def save_after_epochs(callback: ModelCheckpoint) -> None:
    """Makes a checkpoint callback save at the end of epochs, unless the user said when.

    Its own choice, made later, may be the validation, which may end within an epoch.
    """
    if callback._save_on_train_epoch_end is None:
        callback._save_on_train_epoch_end = True


def count_as_saved(callback: ModelCheckpoint, step: int) -> None:
    """Makes a checkpoint callback believe that it saved at this step, so that it does not do so again."""
    callback._last_global_step_saved = step


# What looks at the end of epochs ----------------------------------------------------------------------------


def stop_after_epochs(timer: Timer) -> None:
    """Makes a timer end a fit between epochs only. The one that `max_time` creates looks after every step."""
    timer._interval = Interval.epoch


def check_after_epochs(callback: EarlyStopping) -> None:
    """Makes early stopping look at the end of training epochs. Its own choice, made later, may be the validation."""
    callback._check_on_train_epoch_end = True


# Batches and metrics ----------------------------------------------------------------------------------------


def ask_for_batches_again(trainer: pl.Trainer) -> None:
    """Makes a fit ask for the epoch's batches again; otherwise it keeps those it has until the next epoch."""
    trainer.fit_loop._combined_loader = None


def forget_validation(trainer: pl.Trainer) -> None:
    """Makes the trainer forget that it validated.

    After a validation a `ModelCheckpoint` takes a monitored metric that is absent for a mistake, and ends the training.
    Before the first one it only warns. An epoch without an evaluation lacks the evaluation's metrics.
    """
    trainer.fit_loop.epoch_loop.val_loop._has_run = False


def show_metrics(trainer: pl.Trainer, metrics: Mapping[str, Tensor]) -> None:
    """Puts values into `callback_metrics`, where callbacks look them up, without logging them.

    The property is documented for reading. What it returns is the trainer's own dictionary, so it can be changed.
    """
    trainer.callback_metrics.update(metrics)


def hide_metrics(trainer: pl.Trainer, names: Iterable[str]) -> None:
    """Removes values from `callback_metrics`, where Lightning keeps them until there are newer ones."""
    for name in names:
        trainer.callback_metrics.pop(name, None)
