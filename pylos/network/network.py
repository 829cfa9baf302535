"""The policy and value network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from pylos.errors import ConfigurationError
from pylos.game.observation import OBSERVATION_SIZE, OBSERVATION_SYMMETRY
from pylos.game.rules import NUM_ACTIONS
from pylos.game.symmetry import ACTION_SYMMETRY
from pylos.network.layers import TiedHead, TiedLinear, TiedNorm
from pylos.network.patterns import PATTERNS, TiedPatterns
from pylos.system.options import shown


class Symmetries(NamedTuple):
    """A group of G elements under which a game stays the same; the first one changes nothing."""

    inputs: np.ndarray
    """int64 [G, N] where each element moves each number of an observation; no two rows are alike."""
    actions: np.ndarray
    """int64 [G, A] what each element makes of each action."""


SQUARE = Symmetries(OBSERVATION_SYMMETRY, ACTION_SYMMETRY)
"""The eight symmetries of the board."""

ACTIVATIONS = ("relu2", "relu")
"""What stands between the two layers of a residual block; networks of checkpoints before version 3 have "relu"."""
OUTCOMES = 3
"""How a game may end for the player to move: win, draw, loss, in this order."""
_VALUE_UNITS = 64
"""Outputs of the hidden layer before the outcome."""


def expected_value(outcomes: Tensor) -> Tensor:
    """What a game is worth on average: the probability of a win minus that of a loss.

    Args:
        outcomes: [B, 3] logits of win, draw and loss.

    Returns:
        [B, 1], from -1 to 1.

    Raises:
        ConfigurationError: a network of somebody's own has given something else.
    """
    if outcomes.ndim != 2 or outcomes.shape[1] != OUTCOMES:
        raise ConfigurationError(
            "a network must give the logits of win, draw and loss first, of the shape "
            f"[{len(outcomes)}, {OUTCOMES}], not {list(outcomes.shape)}"
        )
    chances = outcomes.softmax(-1)
    return chances[:, :1] - chances[:, 2:]


def answers_of(network: nn.Module, observations: Tensor) -> tuple[Tensor, Tensor]:
    """What a network for Pylos, which may be somebody's own, says of positions.

    Args:
        network: maps observations to outcomes and log policies, see `PylosNetwork`.
        observations: [B, 184].

    Returns:
        Its two answers; `expected_value` checks the first.

    Raises:
        ConfigurationError: it says anything else.
    """
    found = network(observations)
    if not isinstance(found, tuple | list) or [isinstance(part, Tensor) for part in found] != [True, True]:
        raise ConfigurationError(
            "a network must give two tensors, the logits of win, draw and loss and the log policy, not "
            + ("one" if isinstance(found, Tensor) else "something else")
        )
    outcomes, log_policy = found
    if log_policy.ndim != 2 or log_policy.shape[1] != NUM_ACTIONS:
        raise ConfigurationError(
            f"a network must give the log policy second, of the shape [{len(observations)}, {NUM_ACTIONS}], not "
            f"{list(log_policy.shape)}"
        )
    return outcomes, log_policy


class ValueNetwork(nn.Module):
    """A network that says what a position is worth, in place of how the game may end.

    Args:
        network: maps observations to outcomes and log policies, see `PylosNetwork`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Maps observations [B, 184] to values [B, 1] and log policies [B, 303]."""
        outcomes, log_policy = answers_of(self.network, observations)
        return expected_value(outcomes), log_policy


class ResidualBlock(nn.Module):
    """`x + W2 f(W1 norm(x))`, pre-activation (He et al., 2016, "Identity mappings", section 4).

    f is `relu`, or `relu2`, its square (So et al., 2021, "Primer", section 3.1).

    The last layer starts at zero, so that a fresh network is shallow (Zhang et al., 2019, "Fixup"). Layer
    normalisation has no running statistics, which batch normalisation has: the value of a position does not depend on
    the rest of the batch, and a resumed run goes on exactly.

    Args:
        moves: int64 [G, width] see `_hidden_moves`.
    """

    def __init__(self, moves: np.ndarray) -> None:
        super().__init__()
        self.activation = "relu2"
        """The name of f; see `PylosNetwork.activate_by`."""
        elements, width = moves.shape
        self.norm = TiedNorm(width, elements)
        self.expand = TiedLinear(moves, width)
        self.contract = TiedLinear(moves, width)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, width] to [B, width]."""
        hidden = torch.relu(self.expand(self.norm(x)))
        out: Tensor = x + self.contract(hidden * hidden if self.activation == "relu2" else hidden)
        return out


class PylosNetwork(nn.Module):
    """A residual multilayer perceptron with a policy head and a head for the outcome (Silver et al., 2018).

    The outcome is a distribution over win, draw and loss, as in KataGo (Wu, 2020) and Leela Chess Zero. A single number
    that a tanh squeezes learns slowly where it is nearly sure, and cannot tell a sure draw from a coin flip.

    With the observation of this package (184 numbers) and the default sizes its matrices hold 0.67 million numbers.
    With symmetries, a position that one of them has turned gets the same value, and the policy turned likewise. The
    matrices are then made from an eighth as many parameters. Such a network takes the same time, and learns from a
    position what one without symmetries would learn from all eight images of it.

    With patterns, weights of what stands on a few cells as a whole are added to what the first matrix gives. That of
    Pylos has `pylos.network.patterns.PATTERNS`, with 1.1 million weights made from an eighth as many parameters, of
    which a position needs 28 rows.

    Args:
        observation_shape: shape of one observation; it is flattened.
        num_actions: size of the policy.
        width: numbers between blocks; a multiple of the number of symmetries.
        blocks: residual blocks, each of two `width` x `width` layers.
        symmetries: under which the game stays the same, `SQUARE` for Pylos; none by default.
        activation: of the blocks, "relu2" or "relu".
        patterns: groups of inputs that are -1, 0 or 1, which are looked up as a whole, too; see `TiedPatterns`. None by
            default.

    Raises:
        ConfigurationError: `width` is no such multiple, or there is no such activation.
    """

    def __init__(
        self,
        observation_shape: Sequence[int],
        num_actions: int,
        width: int = 256,
        blocks: int = 4,
        symmetries: Symmetries | None = None,
        activation: str = "relu2",
        patterns: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__()
        inputs = math.prod(observation_shape)
        group = symmetries or Symmetries(np.arange(inputs)[None], np.arange(num_actions)[None])
        elements = len(group.inputs)
        if width < 1 or width % elements:
            raise ConfigurationError(f"width must be a multiple of {elements}, got {width}")
        hidden = _hidden_moves(group.inputs, width)
        self.stem = TiedLinear(group.inputs, width)
        self.blocks = nn.Sequential(*(ResidualBlock(hidden) for _ in range(blocks)))
        self.norm = TiedNorm(width, elements)
        self.policy_head = TiedHead(width, group.actions)
        self.value_hidden = TiedLinear(hidden, _VALUE_UNITS)
        self.value_head = TiedHead(_VALUE_UNITS, np.tile(np.arange(OUTCOMES), (elements, 1)))
        self.patterns = TiedPatterns(patterns, group.inputs, width) if patterns else None
        self.activate_by(activation)

    def activate_by(self, activation: str) -> None:
        """Sets the activation of all blocks, as a checkpoint may want it.

        Raises:
            ConfigurationError: there is no such activation.
        """
        if activation not in ACTIVATIONS:
            raise ConfigurationError(
                f"activation must be {' or '.join(ACTIVATIONS)}, got {shown(activation)}"
            )
        self.activation = activation
        for block in cast(list[ResidualBlock], list(self.blocks)):
            block.activation = activation

    def extra_repr(self) -> str:
        """What the list of its layers does not say."""
        return f"activation={self.activation}"

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluates a batch of positions.

        Args:
            observations: `[B, *observation_shape]`, float32.

        Returns:
            The logits of win, draw and loss for the player to move, [B, 3], of which `expected_value` makes a number,
            and the logarithm of the policy, [B, num_actions]. The policy covers all actions. Who uses it must mask the
            illegal ones.
        """
        inputs = observations.flatten(1)
        x = self.stem(inputs)
        if self.patterns is not None:
            x = x + self.patterns(inputs).to(x.dtype)  # in autocast the stem's is bfloat16
        x = self.norm(self.blocks(torch.relu(x)))
        outcomes = self.value_head(torch.relu(self.value_hidden(x)))
        log_policy = torch.log_softmax(self.policy_head(x), dim=-1)
        return outcomes, log_policy


def pylos_network(width: int, blocks: int, activation: str = "relu2") -> PylosNetwork:
    """Makes a network for Pylos: for its observations and its actions, with the symmetries of its board.

    Args:
        width: see `PylosNetwork`; a multiple of 8.
        blocks: see `PylosNetwork`.
        activation: see `PylosNetwork`.

    Raises:
        ConfigurationError: see `PylosNetwork`.
    """
    return PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS, width, blocks, SQUARE, activation, PATTERNS)


def _hidden_moves(inputs: np.ndarray, width: int) -> np.ndarray:
    """Where each element of a group moves the numbers between two layers.

    These are G parts of equal size, and each part moves as a whole: element g moves part h to part h g^-1.

    Args:
        inputs: int64 [G, N] see `Symmetries`; it gives the multiplication table of the group.
        width: of all G parts together.

    Returns:
        int64 [G, width] permutations.
    """
    numbers = {moved.tobytes(): g for g, moved in enumerate(inputs)}
    elements = len(inputs)
    products = [[numbers[inputs[g][inputs[h]].tobytes()] for h in range(elements)] for g in range(elements)]
    inverses = [row.index(0) for row in products]
    parts = np.array([[products[h][inverses[g]] for h in range(elements)] for g in range(elements)])
    size = width // elements
    return (parts[:, :, None] * size + np.arange(size)).reshape(elements, width)
