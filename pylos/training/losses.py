"""The loss of a batch and its parts; on a GPU as CUDA graphs."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pylos.selfplay.replay_buffer import Batch


class Losses(NamedTuple):
    """What a training step measures; numbers, of which only the first has a gradient."""

    loss: Tensor
    """The policy's loss and the weighted loss of the value."""
    value_loss: Tensor
    """Mean squared error of the values."""
    policy_loss: Tensor
    """Cross-entropy of the policies over the legal actions, in nats."""
    policy_entropy: Tensor
    """Mean entropy of the policies over the legal actions, in nats."""
    value_std: Tensor
    """Spread of the values: a head that always says the same, the classic silent failure, has one near 0."""


def losses(values: Tensor, log_policy: Tensor, batch: Batch, value_loss_weight: float) -> Losses:
    """Compares what a network says with the targets of a batch.

    Args:
        values: [B, 1].
        log_policy: [B, 303] over all actions; what it gives to illegal ones does not count.
        batch: the targets.
        value_loss_weight: weight of the value's loss against the policy's.
    """
    value_loss = nn.functional.mse_loss(values, batch.outcomes)
    log_policy = torch.log_softmax(log_policy.masked_fill(~batch.legal, -torch.inf), dim=-1)
    log_policy = log_policy.masked_fill(~batch.legal, 0.0)  # 0 x -inf would not be a number
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
    """``losses`` of a network on a GPU, captured with its gradient: two launches instead of a thousand.

    What it computes for batches of another size than the first it computes layer by layer.

    Args:
        network: in training; it must stay where it is.
        batch: an example, on the same device.
        value_loss_weight: see ``losses``.
    """

    def __init__(self, network: nn.Module, batch: Batch, value_loss_weight: float) -> None:
        self._size = len(batch.outcomes)
        self._step = _Step(network, value_loss_weight)
        # The gradient's last nodes stay on the stream of the capture: a wait more in a step, as torch says at length.
        warnings.filterwarnings("ignore", "The AccumulateGrad node's stream does not match")
        example = tuple(part.clone() for part in batch)
        self._captured: Any = torch.cuda.make_graphed_callables(_Step(network, value_loss_weight), example)

    def __call__(self, batch: Batch) -> Losses:
        """The losses, whose numbers are overwritten by the next call."""
        step = self._captured if len(batch.outcomes) == self._size else self._step
        return Losses(*step(*batch))

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Copied or pickled, it is None: a graph belongs to its place, and is captured anew where it is needed."""
        return type(None), ()
