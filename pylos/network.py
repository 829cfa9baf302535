"""The policy and value network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """``x + W2 relu(W1 norm(x))``, pre-activation (He et al., 2016, "Identity mappings", section 4).

    The last layer starts at zero, so that a fresh network is shallow (Zhang et al., 2019, "Fixup"). Layer
    normalisation, unlike batch normalisation, has no running statistics: a position's value does not depend on
    what else is in the batch, and a resumed run goes on exactly.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, width)
        self.contract = nn.Linear(width, width)
        nn.init.zeros_(self.contract.weight)
        nn.init.zeros_(self.contract.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, width] to [B, width]."""
        out: Tensor = x + self.contract(torch.relu(self.expand(self.norm(x))))
        return out


class PylosNetwork(nn.Module):
    """A residual multilayer perceptron with a policy head and a value head (Silver et al., 2018).

    With the observation of this package (184 numbers) and the default sizes it has 0.67 million parameters.

    Args:
        observation_shape: shape of one observation; it is flattened.
        num_actions: size of the policy.
        width: numbers between blocks.
        blocks: residual blocks, each of two ``width`` x ``width`` layers.
    """

    def __init__(
        self, observation_shape: Sequence[int], num_actions: int, width: int = 256, blocks: int = 4
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(math.prod(observation_shape), width)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.policy_head = nn.Linear(width, num_actions)
        self.value_hidden = nn.Linear(width, 64)
        self.value_head = nn.Linear(64, 1)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluates a batch of positions.

        Args:
            observations: [B, *observation_shape], float32.

        Returns:
            The expected outcome for the player to move in [-1, 1], [B, 1], and the logarithm of the policy,
            [B, num_actions]. The policy covers all actions; who uses it masks the illegal ones.
        """
        x = self.norm(self.blocks(torch.relu(self.stem(observations.flatten(1)))))
        value = torch.tanh(self.value_head(torch.relu(self.value_hidden(x))))
        log_policy = torch.log_softmax(self.policy_head(x), dim=-1)
        return value, log_policy
