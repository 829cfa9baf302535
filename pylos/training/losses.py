"""The loss of a batch and its parts; on a GPU as CUDA graphs."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

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


class _Step(nn.Module):
    def __init__(self, network: nn.Module, value_loss_weight: float) -> None:
        super().__init__()
        self._network, self._weight = network, value_loss_weight

    def forward(self, *batch: Tensor) -> tuple[Tensor, ...]:
        values, log_policy = self._network(batch[0])
        return tuple(losses(values, log_policy, Batch(*batch), self._weight))


class CapturedLosses:
    """`losses` of a network on a GPU and their gradient, as CUDA graphs: two launches instead of a thousand.

    Batches of another size than the first one are computed layer by layer.

    Args:
        network: the network in training. Its weights must stay where they are.
        batch: an example, on the same device.
        value_loss_weight: see `losses`.
    """

    def __init__(self, network: nn.Module, batch: Batch, value_loss_weight: float) -> None:
        self._size = len(batch.outcomes)
        self._step = _Step(network, value_loss_weight)
        # The gradient's last nodes stay on the stream of the capture. A step waits for it once, of which torch warns.
        warnings.filterwarnings("ignore", "The AccumulateGrad node's stream does not match")
        example = tuple(part.clone() for part in batch)
        self._captured: Any = torch.cuda.make_graphed_callables(_Step(network, value_loss_weight), example)

    def __call__(self, batch: Batch) -> Losses:
        """The losses of a batch. The next call overwrites their numbers."""
        step = self._captured if len(batch.outcomes) == self._size else self._step
        return Losses(*step(*batch))

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Makes copies and pickles None: a graph belongs to its memory, and is captured anew where it is needed."""
        return type(None), ()
