"""Evaluators for tests of search and self-play. What they say about a position does not depend on the others."""

from __future__ import annotations

import numpy as np
import torch

from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.playouts import random_action
from pylos.game.position import START, mover
from pylos.game.rules import NUM_ACTIONS, RULES, is_over, step
from pylos.kernels.randomness import draw
from pylos.network.network import PylosNetwork, ValueNetwork, pylos_network

Evaluation = tuple[np.ndarray, np.ndarray]


def _hash(numbers: np.ndarray) -> np.ndarray:
    """Numbers in [0, 1) that look random; each is a function of one input."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ z >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(32)) * np.uint64(0x94D049BB133111EB)
    return (z >> np.uint64(40)).astype(np.float64) / 2**24


def hashed(positions: np.ndarray) -> Evaluation:
    """Values and policies that look random, but are always the same for a position."""
    values = 2 * _hash(positions) - 1
    noise = _hash(positions[:, None] * 331 + 1 + np.arange(NUM_ACTIONS))
    return values.astype(np.float32), (4 * noise - 6).astype(np.float32)


def uninformed(positions: np.ndarray) -> Evaluation:
    """Every position is even, and every action is as good as any other."""
    return np.zeros(len(positions), np.float32), np.zeros((len(positions), NUM_ACTIONS), np.float32)


def half_for_white(positions: np.ndarray) -> Evaluation:
    """Every position is worth 0.5 to white; the policy is that of `hashed`."""
    values = np.where(mover(positions) == 0, 0.5, -0.5).astype(np.float32)
    return values, hashed(positions)[1]


def single(evaluate, position: int) -> tuple[float, np.ndarray]:
    """The evaluation of one position, as the twin of the search asks for it."""
    values, log_policy = evaluate(np.array([position], np.int64))
    return float(values[0]), log_policy[0]


def small_network() -> PylosNetwork:
    """A network whose weights are all random, also those of the last layers."""
    torch.manual_seed(0)
    network = pylos_network(width=64, blocks=2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def let_overflow(network: torch.nn.Module) -> torch.nn.Module:
    """Gives finite weights to a network of which nothing finite comes out."""
    with torch.no_grad():
        network.norm.weight.fill_(1e38)
        network.norm.bias.fill_(1e38)
        network.policy_head.weight.mul_(1e30)
    return network


def direct(network: torch.nn.Module, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a network says about positions of the standard rules, layer by layer in float32."""
    observations = np.empty((len(positions), OBSERVATION_SIZE), np.float32)
    observe_all(positions, RULES["standard"], observations)
    with torch.no_grad():
        values, log_policy = ValueNetwork(network)(torch.from_numpy(observations))
    return values[:, 0].numpy(), log_policy.numpy()


def random_positions(count: int) -> np.ndarray:
    """The positions [count] of random games of the standard rules, one game after the other."""
    code = RULES["standard"]
    positions = [START]
    while len(positions) < count:
        after = step(positions[-1], random_action(positions[-1], code, draw(0, len(positions))), code)
        positions.append(START if is_over(after, code) else after)
    return np.array(positions)
