"""Networks of somebody's own in training: what they must give, and what is said of any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pylos.errors import ConfigurationError
from pylos.game.rules import NUM_ACTIONS
from pylos.network.network import ValueNetwork
from tests.support.training import tiny_data, tiny_module, tiny_trainer


@pytest.mark.parametrize("compiled", [False, True])
def test_a_network_that_says_values_in_place_of_outcomes_is_refused_before_the_first_step(
    tmp_path: Path, compiled: bool
):
    torch.compiler.reset()
    module = tiny_module(rules="mini-standard")
    network = ValueNetwork(module.network)
    module.network = torch.compile(network, backend="eager") if compiled else network
    trainer = tiny_trainer(tmp_path)
    for act in (trainer.fit, trainer.validate, trainer.test):
        with pytest.raises(
            ConfigurationError, match=r"logits of win, draw and loss first, .* not \[\d+, 1\]$"
        ):
            act(module, datamodule=tiny_data())
    assert trainer.global_step == 0
    assert not (tmp_path / "last.ckpt").exists()


class _Changed(nn.Module):
    def __init__(self, network: nn.Module, change: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.network, self.change = network, change

    def forward(self, observations: torch.Tensor) -> Any:
        return self.change(*self.network(observations))


ODD_ANSWERS: dict[str, Callable[[Any, Any], Any]] = {
    "two tensors, .* and the log policy, not one": lambda outcomes, policy: outcomes,
    "two tensors, .*, not something else": lambda outcomes, policy: {"policy": policy},
    "two tensors, .* policy, not something else": lambda outcomes, policy: (outcomes, policy, policy),
    rf"log policy second, of the shape \[\d+, {NUM_ACTIONS}\], not \[\d+, 5\]": lambda o, policy: (
        o,
        policy[:, :5],
    ),
}


@pytest.mark.parametrize("message", ODD_ANSWERS)
def test_a_network_that_gives_something_else_is_refused_in_one_sentence(tmp_path: Path, message: str):
    module = tiny_module(rules="mini-standard")
    module.network = _Changed(module.network, ODD_ANSWERS[message])
    trainer = tiny_trainer(tmp_path)
    for act in (trainer.fit, trainer.validate):
        with pytest.raises(ConfigurationError, match=message):
            act(module, datamodule=tiny_data())
    assert trainer.global_step == 0
