"""A whole optimizer step, from the network's input to its new weights; on a CUDA device one launch, a CUDA graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from pylos.kernels.launch import Launch
from pylos.network.network import answers_of
from pylos.selfplay.replay_buffer import Batch, BatchInPlace
from pylos.training.losses import Losses, losses

_OPTIONS_IN_GRAPH = ("weight_decay", "betas", "eps", "amsgrad", "maximize", "fused")


def is_captured(device: torch.device) -> bool:
    """Whether steps on a device are captured. Elsewhere a launch costs little beside the arithmetic."""
    return device.type == "cuda"


class CapturedStep:
    """The optimizer steps of a network with AdamW: loss, gradient and its norm, clipping, new weights.

    No step waits for the device. What is not finite is found there: a step whose loss or gradient is infinite or not a
    number changes no weight, nor does any step after it. `trouble` says so.

    What a graph has in it stays as it was at the capture: where the tensors lie, and the optimizer's options. If
    anything of this has changed, the step is captured anew. The learning rate is no part of it. Batches of another
    size than the captured one are computed kernel by kernel.

    Args:
        network: the network in training.
        optimizer: its optimizer, a fused one.
        value_loss_weight: see `losses`.
        clip: clips the gradients in place, without waiting for the device.
    """

    def __init__(
        self, network: nn.Module, optimizer: AdamW, value_loss_weight: float, clip: Callable[[], None]
    ) -> None:
        self._network, self._optimizer, self._weight, self._clip = network, optimizer, value_loss_weight, clip
        self._parameters = list(network.parameters())
        self._device = self._parameters[0].device
        self._rates: list[Tensor] = []
        # Whether something was not finite; the steps since the last look, up to that one; the loss of that step.
        self._status = torch.zeros(3, device=self._device)
        self._since = 0
        self._launch: Launch[Tensor] | None = None
        self._inputs: Any = None
        self._frozen: list[Any] = []
        # The gradient's last nodes stay on the stream of the capture. A step waits for it once, of which torch warns.
        warnings.filterwarnings("ignore", "The AccumulateGrad node's stream does not match")

    def __call__(self, batch: Batch) -> tuple[Losses, Tensor]:
        """Makes a step.

        Returns:
            The losses, and the norm of the gradient before it was clipped.
        """
        groups = self._optimizer.param_groups
        while len(self._rates) < len(groups):  # a callback may add a group
            self._rates.append(torch.zeros((), device=self._device))
        for rate, group in zip(self._rates, groups, strict=True):
            rate.fill_(group["lr"])
        self._since += 1
        *found, norm = self._step(batch).unbind()
        return Losses(*found), norm

    def trouble(self) -> tuple[int, float] | None:
        """Waits for the device and says how many steps ago the loss or the gradient was not finite, and the loss then.

        0 steps ago is the newest step. None: all was finite.
        """
        found, steps, loss = self._status.tolist()
        if found:
            return self._since - int(steps), loss
        self._status.zero_()
        self._since = 0
        return None

    def end(self) -> None:
        """Gives back the memory of the graph, at once: what it holds refers to this object, and this one to it."""
        self._launch, self._inputs = None, None

    def _enqueue(self, batch: Batch) -> Tensor:
        """Enqueues a step, kernel by kernel. On a CPU it is done then.

        Returns:
            float32 [7]: the losses and the norm of the gradient.
        """
        outcomes, log_policy = answers_of(self._network, batch.observations)
        found = losses(outcomes, log_policy, batch, self._weight)
        self._optimizer.zero_grad()
        found.loss.backward()  # type: ignore[no-untyped-call]  # torch's
        norm = torch.nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        measured = torch.stack([*(part.detach() for part in found), norm])
        self._note_what_is_not_finite(measured[0], norm)
        self._clip()
        self._change_weights()
        return measured

    def _note_what_is_not_finite(self, loss: Tensor, norm: Tensor) -> None:
        finite = torch.isfinite(torch.stack([loss, norm])).all()
        now = torch.stack([(~finite).float(), self._status[1] + 1, loss])
        self._status.copy_(torch.where(self._status[0] > 0, self._status, now))

    def _change_weights(self) -> None:
        """The optimizer's own step, told of what is not finite as a gradient scaler would tell it.

        Outside of this the learning rate is the number that schedules and checkpoints know, not a tensor.
        """
        optimizer: Any = self._optimizer
        kept = [(group["lr"], group["capturable"]) for group in optimizer.param_groups]
        try:
            optimizer.found_inf = self._status[0]
            for group, rate in zip(optimizer.param_groups, self._rates, strict=True):
                group["lr"], group["capturable"] = rate, True
            optimizer.step()
        finally:
            del optimizer.found_inf
            for group, (rate, capturable) in zip(optimizer.param_groups, kept, strict=True):
                group["lr"], group["capturable"] = rate, capturable

    # The graph ----------------------------------------------------------------------------------------------

    def _step(self, batch: Batch) -> Tensor:
        frozen = self._in_graph()
        if self._launch is None or frozen != self._frozen:
            self._frozen = frozen
            in_place = isinstance(batch, BatchInPlace)
            self._inputs = batch if in_place else Batch(*(part.clone() for part in batch))
            self._launch = Launch(lambda: self._enqueue(self._inputs), self._device)
        if len(batch.outcomes) != len(self._inputs.outcomes):
            return self._launch.enqueue(lambda: self._enqueue(batch))
        for there, given in zip(self._inputs, batch, strict=True):
            if there is not given:
                there.copy_(given, non_blocking=True)
        return self._launch().clone()  # the next step writes there

    def _in_graph(self) -> list[Any]:
        """What the graph has frozen: if it changes, the graph is out of date."""
        groups = self._optimizer.param_groups
        moments = [state["exp_avg"].data_ptr() for state in self._optimizer.state.values() if state]
        return [
            [[group[name] for name in _OPTIONS_IN_GRAPH] for group in groups],
            [(p.data_ptr(), p.requires_grad) for p in self._parameters],
            moments,
            self._network.training,
        ]

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Makes copies and pickles None: a graph belongs to its memory, and each fit has its own."""
        return type(None), ()
