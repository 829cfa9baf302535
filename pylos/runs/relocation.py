"""A run whose folder is moved or copied goes on: its checkpoints hold the names of other checkpoints, not their paths.

`ModelCheckpoint` keeps a list of checkpoints, of which Lightning saves the paths. A run that was moved would go on with
the files of the old folder, or with none. And `ModelCheckpoint` deletes what falls out of its list, so a checkpoint
could have any folder deleted. Therefore a checkpoint holds names, and a resume accepts those that are files of the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from pylos.errors import CheckpointError
from pylos.network.checkpoint_format import PATHS, with_file_names
from pylos.system.options import shown
from pylos.system.schema import Each, check_state

_STATE = {**dict.fromkeys(PATHS, str), "best_k_models": Each(Tensor)}


def paths_to_names(checkpoint: dict[str, Any], trainer: pl.Trainer) -> None:
    """Turns paths into names in a checkpoint that is about to be saved, so that it may lie anywhere."""
    for callback, state in _states(checkpoint, trainer):
        checkpoint["callbacks"][callback.state_key] = with_file_names(state)


def names_to_paths(checkpoint: dict[str, Any], trainer: pl.Trainer) -> None:
    """Prepares a loaded checkpoint for the callbacks of a trainer. Call it on all ranks.

    It accepts the names of checkpoints that lie in the callback's folder. Which of them is the best or the worst
    follows from their scores.

    Raises:
        CheckpointError: a state is not one of `ModelCheckpoint`.
    """
    states = {}
    for callback, state in _states(checkpoint, trainer):
        _check(state, callback.state_key)
        if trainer.is_global_zero:
            states[callback.state_key] = _located(state, callback)
    # Only the first rank looks at the disk, so that all ranks agree about what there is.
    checkpoint.get("callbacks", {}).update(trainer.strategy.broadcast(states))


def _states(checkpoint: dict[str, Any], trainer: pl.Trainer) -> Iterator[tuple[ModelCheckpoint, Any]]:
    states = checkpoint.get("callbacks", {})
    for callback in trainer.checkpoint_callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.state_key in states:
            yield callback, states[callback.state_key]


def _check(state: Any, key: str) -> None:
    check_state(state, _STATE, f"the state of {key:.100}")
    for path, score in state["best_k_models"].items():
        if type(path) is not str or score.numel() != 1 or score.is_complex():
            raise CheckpointError(f"the state of {key:.100} makes no sense: {shown(path)}")


def _located(state: dict[str, Any], callback: ModelCheckpoint) -> dict[str, Any]:
    """The state with paths in the callback's folder, and only of checkpoints that are there."""
    paths = {name: _find(name, callback) for name in state["best_k_models"]}
    scores = {paths[name]: score for name, score in state["best_k_models"].items() if paths[name]}
    least, most = (min, max) if callback.mode == "max" else (max, min)
    best = most(scores, key=scores.__getitem__, default="")
    full = 0 < callback.save_top_k <= len(scores)
    worst = least(scores, key=scores.__getitem__) if full else ""
    nothing_yet = torch.inf if callback.mode == "min" else -torch.inf
    return {
        **state,
        "dirpath": callback.dirpath,  # Lightning ignores the state of another folder
        "best_k_models": scores,
        "best_model_path": best or _find(state["best_model_path"], callback),
        "best_model_score": scores.get(best),
        "kth_best_model_path": worst,
        "kth_value": scores[worst] if full else torch.tensor(nothing_yet),
        "last_model_path": _find(state["last_model_path"], callback),
    }


def _find(name: str, callback: ModelCheckpoint) -> str:
    """The path of a checkpoint in the callback's folder, "" if there is none of that name."""
    folder, parts = Path(callback.dirpath or ""), PurePath(name)
    path = os.path.join(folder, name)
    own = (
        parts.suffix == callback.FILE_EXTENSION
        and not parts.is_absolute()
        and ".." not in parts.parts
        and os.path.isfile(path)
        and Path(path).parent.resolve().is_relative_to(folder.resolve())
    )
    return path if own else ""
