"""The loss of a batch and its parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pylos.selfplay.replay_buffer import Batch


class Losses(NamedTuple):
    """What a training step measures: numbers, of which only the first has a gradient."""

    loss: Tensor
    """The sum of the policy's loss and the weighted loss of the value."""
    value_loss: Tensor
    """Mean squared error of the values."""
    policy_loss: Tensor
    """Cross-entropy of the policies over the legal actions, in nats."""
    policy_entropy: Tensor
    """Mean entropy of the policies over the legal actions, in nats."""
    value_std: Tensor
    """Standard deviation of the values; near 0 if the head says the same of all positions, a classic silent failure."""


def losses(values: Tensor, log_policy: Tensor, batch: Batch, value_loss_weight: float) -> Losses:
    """Compares the outputs of a network with the targets of a batch.

    Args:
        values: [B, 1].
        log_policy: [B, 303], over all actions; what it says of illegal ones does not count.
        batch: the targets.
        value_loss_weight: weight of the value's loss against the policy's.
    """
    value_loss = nn.functional.mse_loss(values, batch.outcomes)
    log_policy = torch.log_softmax(log_policy.masked_fill(~batch.legal, -torch.inf), dim=-1)
    # 0 times -inf would not be a number.
    log_policy = log_policy.masked_fill(~batch.legal, 0.0)
    policy_loss = -(batch.policy * log_policy).sum(-1).mean()
    entropy = -(log_policy.exp() * batch.legal * log_policy).sum(-1).mean()
    parts = (value_loss, policy_loss, entropy, values.std(correction=0))
    return Losses(policy_loss + value_loss_weight * value_loss, *(part.detach() for part in parts))
