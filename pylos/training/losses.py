"""The loss of a batch and its parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pylos.network.network import expected_value
from pylos.selfplay.replay_buffer import Batch

_NEVER = -1e30
"""The log probability of an illegal action."""
LEGALITY = 0.01
"""Weight of the loss of illegal actions. Without it nothing holds their probabilities. Rounding alone has a gradient
there, which Adam enlarges to full steps. Within 20,000 steps in bfloat16 they had all of the policy but e^-3000, and
what was left for legal ones was rounded away."""


class Losses(NamedTuple):
    """What a training step measures: numbers, of which only the first has a gradient."""

    loss: Tensor
    """The sum of the policy's loss, the weighted loss of the value and `LEGALITY` x that of illegal actions."""
    value_loss: Tensor
    """Cross-entropy of the outcomes, in nats."""
    policy_loss: Tensor
    """Cross-entropy of the policies over the legal actions, in nats."""
    illegal_loss: Tensor
    """Minus the logarithm of the part of the policy that legal actions have, in nats; 0 if that is all of it."""
    policy_entropy: Tensor
    """Mean entropy of the policies over the legal actions, in nats."""
    value_std: Tensor
    """Standard deviation of the values; near 0 if the head says the same of all positions, a classic silent failure."""


def outcome_targets(values: Tensor) -> Tensor:
    """The distribution over win, draw and loss that a target of the value stands for.

    It is the one with the value as its mean that has the least spread: 1, 0 and -1 are sure to end so, and a number
    between two of them divides the probability among these two (Schrittwieser et al., 2020, appendix F).

    Args:
        values: [B, 1] from -1 to 1.

    Returns:
        [B, 3].
    """
    return torch.cat([values.clamp(min=0), 1 - values.abs(), (-values).clamp(min=0)], dim=1)


def losses(outcomes: Tensor, log_policy: Tensor, batch: Batch, value_loss_weight: float) -> Losses:
    """Compares the outputs of a network with the targets of a batch.

    Args:
        outcomes: [B, 3] logits of win, draw and loss.
        log_policy: [B, 303], over all actions. The policy's loss is that of the legal ones among themselves.
        batch: the targets.
        value_loss_weight: weight of the value's loss against the policy's.

    Raises:
        ConfigurationError: a network of somebody's own has given something else than outcomes.
    """
    # A loss of bfloat16 would be too coarse.
    outcomes, log_policy = outcomes.to(batch.outcomes.dtype), log_policy.to(batch.policy.dtype)
    values = expected_value(outcomes.detach())
    value_loss = nn.functional.cross_entropy(outcomes, outcome_targets(batch.outcomes))
    illegal = 1 - batch.legal.float()
    # Not -inf, because 0 times -inf would not be a number. To add it takes a third of the time of masked_fill.
    scores = log_policy + _NEVER * illegal
    # A network may say -inf itself. Behind autograd's back: no gradient of illegal actions comes by here. Legal ones
    # stay, because a number divided by 0 is infinite.
    scores.detach().clamp_(min=2 * _NEVER / illegal)
    illegal_loss = (torch.logsumexp(log_policy, -1) - torch.logsumexp(scores, -1)).mean()
    log_policy = torch.log_softmax(scores, dim=-1)
    policy_loss = -(batch.policy * log_policy).sum(-1).mean()
    known = log_policy.detach()
    entropy = -(known.exp() * known).sum(-1).mean()
    parts = (value_loss, policy_loss, illegal_loss, entropy, values.std(correction=0))
    loss = policy_loss + value_loss_weight * value_loss + LEGALITY * illegal_loss
    return Losses(loss, *(part.detach() for part in parts))
