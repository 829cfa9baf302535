"""Whether a training can go on from a checkpoint: its states are compared with fresh ones, which have the right form.

Lightning and torch write whatever they are given into their objects, and fail or go wrong long afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

from pylos.errors import CheckpointError, ConfigurationError
from pylos.runs.folder import checkpoint_folder, is_trial
from pylos.runs.identity import check_identity
from pylos.runs.lightning_internals import datamodule_of, fit_progress
from pylos.runs.slurm import refuse_hpc_checkpoint
from pylos.system.files import StrPath
from pylos.system.options import shown

_MOST = 2**53
NEEDED = ("optimizer_states", "lr_schedulers", "callbacks", "loops", "fingerprint", "metrics")
"""What a fit needs to go on, besides weights."""


def check_complete(checkpoint: Mapping[str, Any], path: StrPath) -> None:
    """Raises CheckpointError for a checkpoint that lacks what a fit needs to go on."""
    if missing := [key for key in NEEDED if key not in checkpoint]:
        raise CheckpointError(
            f"fit cannot go on from {path}, which holds weights only: it lacks {', '.join(missing)}; "
            "validate, test, predict and match can take it"
        )


def check_games(checkpoint: Mapping[str, Any], datamodule: Any, path: StrPath) -> None:
    """Raises ConfigurationError if its games cannot go on with the data module's options, and names those they need.

    The games are arrays whose shape follows from these options. `SelfPlay.load_state_dict` checks the shapes; here the
    options are compared, so that the user hears which to change before anything is written.
    """
    theirs = checkpoint.get("datamodule_hyper_parameters", {})
    ours = getattr(datamodule, "hparams", {})
    shaping = ["parallel_games", "root"]
    if theirs.get("root") == ours.get("root") == "puct":  # gumbel may give weight to any action
        shaping.append("simulations")
    changed = [name for name in shaping if name in theirs and name in ours and theirs[name] != ours[name]]
    if changed:
        wanted = " and ".join(f"data.{name} {theirs[name]} (not {ours[name]})" for name in changed)
        raise ConfigurationError(f"the games in {path} can only go on with {wanted}")


def check_states(checkpoint: Mapping[str, Any], trainer: pl.Trainer, datamodule: Any, path: StrPath) -> None:
    """Raises PylosError if a fit cannot go on from the states in a checkpoint, of whatever run."""
    check_complete(checkpoint, path)
    check_progress(checkpoint, trainer, path)
    check_games(checkpoint, datamodule, path)


def check_resumable(trainer: pl.Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Raises PylosError if this fit cannot go on from the checkpoint that its trainer is loading."""
    path = trainer.ckpt_path or "the checkpoint"
    refuse_hpc_checkpoint(path)
    check_states(checkpoint, trainer, datamodule_of(trainer), path)
    if trainer.ckpt_path is not None and not is_trial(trainer):
        check_identity(checkpoint, trainer.ckpt_path, checkpoint_folder(trainer))


def check_progress(checkpoint: Mapping[str, Any], trainer: pl.Trainer, path: StrPath) -> None:
    """Compares the progress in a checkpoint with the loops of the trainer that is going to fit.

    Raises:
        CheckpointError: such loops have no such progress.
    """
    _check_loop(checkpoint["loops"].get("fit_loop"), fit_progress(trainer), f"the progress in {path}")


def check_optimizers(
    states: Sequence[Mapping[str, Any]], optimizers: Sequence[Optimizer], path: StrPath
) -> None:
    """Raises CheckpointError if states do not fit the optimizers that are going to load them."""
    if len(states) != len(optimizers):
        raise CheckpointError(f"{path} holds the state of {len(states)} optimizers, not of {len(optimizers)}")
    for state, optimizer in zip(states, optimizers, strict=True):
        where = f"the optimizer's state in {path}"
        fresh = optimizer.state_dict()["param_groups"]
        _check_form(state["param_groups"], fresh, f"param_groups of {where}")
        if state["state"].keys() - {number for group in fresh for number in group["params"]}:
            raise CheckpointError(f"{where} is one of other weights")
        if isinstance(optimizer, (Adam, AdamW)):
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            numbers = [number for group in state["param_groups"] for number in group["params"]]
            for number, weight in zip(numbers, weights, strict=True):
                _check_moments(state["state"].get(number, {}), weight, f"{where}, of weight {number},")


def check_schedulers(states: Sequence[Mapping[str, Any]], schedulers: Sequence[Any], path: StrPath) -> None:
    """Raises CheckpointError if states do not fit the learning rate schedulers that are going to load them."""
    if len(states) != len(schedulers):
        raise CheckpointError(
            f"{path} holds the state of {len(states)} learning rate schedulers, not of {len(schedulers)}"
        )
    for state, scheduler in zip(states, schedulers, strict=True):
        where = f"the learning rate scheduler's state in {path}"
        _check_form(state, scheduler.state_dict(), where)
        if methods := [name for name in state if callable(getattr(type(scheduler), str(name), None))]:
            raise CheckpointError(f"{where} holds {shown(methods[0])}")


def _check_loop(saved: Any, fresh: Any, where: str) -> None:
    """Raises CheckpointError unless a loop's progress has the entries of a fresh one, with counts from 0 on."""
    if isinstance(fresh, dict):
        sound = isinstance(saved, dict) and saved.keys() == fresh.keys()
        for key, value in fresh.items() if sound else ():
            if key.endswith("state_dict"):  # may hold more, for example the place in a loader
                _check_form(saved[key], value, f"{key} of {where}")
            else:
                _check_loop(saved[key], value, f"{key} of {where}")
    else:
        sound = type(saved) is type(fresh) and 0 <= saved <= _MOST
    if not sound:
        raise CheckpointError(f"{where} makes no sense: {shown(saved)}")


def _check_moments(moments: Mapping[str, Any], weight: Tensor, where: str) -> None:
    """Checks Adam's state of one weight: its shape, finite, squares not negative. Before the first step it is empty."""
    for name, value in moments.items():
        shape = () if name == "step" else weight.shape
        if not isinstance(value, Tensor) or value.shape != shape or not value.is_floating_point():
            raise CheckpointError(f"{where} does not fit: {shown(name)}")
        if not torch.isfinite(value).all() or (name != "exp_avg" and (value < 0).any()):
            raise CheckpointError(f"{where} makes no sense: {shown(name)}")
    if moments and not {"step", "exp_avg", "exp_avg_sq"} <= moments.keys():
        raise CheckpointError(f"{where} is not whole")


def _check_form(saved: Any, fresh: Any, where: str) -> None:
    """Raises CheckpointError where something saved is of another kind than in a fresh state.

    There may be more or fewer entries, since versions differ. What is None in a fresh state may be anything.
    """
    if isinstance(fresh, dict):
        sound = isinstance(saved, dict)
        for key in fresh.keys() & saved.keys() if sound else ():
            _check_form(saved[key], fresh[key], f"{key} of {where}")
    elif isinstance(fresh, (list, tuple)):
        sound = isinstance(saved, (list, tuple)) and len(saved) == len(fresh)
        for one, other in zip(saved, fresh, strict=True) if sound else ():
            _check_form(one, other, where)
    elif isinstance(fresh, Tensor):
        sound = isinstance(saved, Tensor) and saved.shape == fresh.shape
    elif type(fresh) in (int, float):
        # For example the best score before there is any.
        infinite = not math.isfinite(fresh) and type(saved) is float
        sound = infinite or (type(saved) in (int, float) and abs(saved) <= _MOST)
    else:
        sound = fresh is None or saved is None or type(saved) is type(fresh)
    if not sound:
        raise CheckpointError(f"{where} makes no sense: {shown(saved)}")
