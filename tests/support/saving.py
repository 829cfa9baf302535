"""What the tests of checkpoints share: one to save, how to compare, and how errors must look."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pylos.errors import CheckpointError
from pylos.network.checkpoint_format import VERSION, VERSION_KEY
from pylos.runs.checkpoint_io import AtomicCheckpointIO

IO = AtomicCheckpointIO()


def sample_checkpoint(epoch: int = 1, step: int = 10, size: int = 50) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "global_step": step,
        "pytorch-lightning_version": "2.6.6",
        VERSION_KEY: VERSION,
        "state_dict": {
            "weight": torch.full((size,), float(step)),
            "half": torch.ones(3, dtype=torch.bfloat16),
        },
        "hyper_parameters": {"learning_rate": 1e-3, "rules": "standard"},
        "SelfPlayDataModule": {"buffer": torch.arange(size), "unfilled": torch.zeros(0)},
    }


def of_version_2(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A copy of a checkpoint whose network has no patterns, and one output for the value, which a tanh squeezed.

    The output is that of a win.
    """
    older = copy.deepcopy(checkpoint)
    older[VERSION_KEY] = 2
    states = [older["state_dict"]]
    states += [
        state["previous_weights"]
        for state in older.get("callbacks", {}).values()
        if "previous_weights" in state
    ]
    states += [
        state for optimizer in older.get("optimizer_states", ()) for state in optimizer["state"].values()
    ]
    shapes = [weight.shape for name, weight in older["state_dict"].items() if "value_head" in name]
    for state in states:
        for name, part in state.items():
            if part.shape in shapes:
                state[name] = part[:1].clone()
        for name in [name for name in state if "patterns" in str(name)]:
            del state[name]
    for optimizer in older.get("optimizer_states", ()):
        gone = optimizer["param_groups"][0]["params"].pop()  # the last matrix
        optimizer["state"].pop(gone)
        for group in optimizer["param_groups"]:
            group["params"] = [number - (number > gone) for number in group["params"]]
        optimizer["state"] = {number - (number > gone): state for number, state in optimizer["state"].items()}
    return older


def same_state(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_state(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def error_of(call: Callable[[], object]) -> str:
    """The message of the error that a call must raise: one line, and nothing of torch's advice to load unsafely."""
    with pytest.raises(CheckpointError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert "weights_only" not in message
    return message
