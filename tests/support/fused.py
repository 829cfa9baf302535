"""What the fused network says. These functions run where Triton interprets; see `interpreted`."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import torch

from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.network.frozen_network import FrozenNetwork
from pylos.network.fused import WIDE, FusedNetwork, WideNetwork
from pylos.network.network import PylosNetwork, ValueNetwork, pylos_network
from tests.support.evaluators import random_positions

Answers = tuple[np.ndarray, np.ndarray]
CPU, STANDARD = torch.device("cpu"), RULES["standard"]


def lively_network(width: int, blocks: int, seed: int = 0, activation: str = "relu2") -> PylosNetwork:
    """A network all of whose parts matter for what it says, scales and shifts of its norms, too."""
    torch.manual_seed(seed)
    network = pylos_network(width, blocks, activation)
    for name, parameter in network.named_parameters():
        if "norm" in name and name.endswith("weight"):
            torch.nn.init.normal_(parameter, 1, 0.3)
        else:
            torch.nn.init.normal_(parameter, std=1.4 / math.sqrt(width) if parameter.ndim > 1 else 0.3)
    return network


def observations_of(count: int) -> torch.Tensor:
    """Observations [count, 184] of positions of random games."""
    found = np.empty((count, OBSERVATION_SIZE), np.float32)
    observe_all(random_positions(count), STANDARD, found)
    return torch.from_numpy(found)


def three_ways(
    width: int, blocks: int, count: int, activation: str = "relu2", patterns: bool = True
) -> list[Answers]:
    """Answers of a network in float32, layer by layer in bfloat16, and fused."""
    network, observations = lively_network(width, blocks, activation=activation), observations_of(count)
    network.patterns = network.patterns if patterns else None
    layered = FrozenNetwork(network, CPU, torch.bfloat16)
    with torch.inference_mode():
        answers = [
            ValueNetwork(network)(observations),
            layered(observations.bfloat16()),
            (WideNetwork if width in WIDE else FusedNetwork)(network, CPU)(observations),
        ]
    return [(values[:, 0].float().numpy(), policy.float().numpy()) for values, policy in answers]


def in_company(orders: list[np.ndarray]) -> list[Answers]:
    """Answers about some rows of the same observations, in the orders that are given."""
    fused, observations = FusedNetwork(lively_network(64, 1), CPU), observations_of(200)
    answers = [fused(observations[order]) for order in orders]
    return [(values.numpy(), policy.numpy()) for values, policy in answers]


def evaluators(width: int, count: int) -> list[Answers]:
    """Answers of an evaluator that has loaded other weights, and of a fresh one: for a host's search and a device's."""
    positions, observations = random_positions(count), observations_of(count)
    found = []
    with patch("pylos.network.fused.fused_missing", lambda *_: None):
        loaded = NetworkEvaluator(lively_network(width, 1, seed=1), STANDARD, "cpu", "bfloat16")
        loaded.load(lively_network(width, 1))
        fresh = NetworkEvaluator(lively_network(width, 1), STANDARD, "cpu", "bfloat16")
    for evaluate in (loaded, fresh):
        assert isinstance(evaluate.network, FusedNetwork)
        values, log_policy = torch.full((count,), math.nan), torch.full((count, NUM_ACTIONS), math.nan)
        evaluate.enqueue(observations, values, log_policy)
        found += [evaluate.in_fixed_batches(positions), (values.numpy(), log_policy.numpy())]
    return found
