"""The evaluator that asks a network about positions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pylos.errors import ConfigurationError
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS
from pylos.network.checked_evaluator import CACHE_SIZE, CheckedEvaluator
from pylos.network.fixed_batch import ROWS, FixedBatch
from pylos.network.frozen import frozen, load_frozen
from pylos.network.fused import FusedNetwork
from pylos.search.cached_evaluator import CachedEvaluator

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class NetworkEvaluator(CheckedEvaluator):
    """An `Evaluator` and a `DeviceEvaluator` (`pylos.search.evaluator`) that asks a frozen copy of a network of torch.

    The copy is in eval mode whatever the mode of the original, and later training does not change it.

    Args:
        network: maps observations [B, 184] to the logits of win, draw and loss [B, 3], and log policies [B, 303].
            What it computes must not branch on its input.
        code: of the rule set.
        device: where to compute.
        precision: "float32" or "bfloat16".
        name: what errors call the network.

    Raises:
        ConfigurationError: there is no such precision.
    """

    def __init__(
        self,
        network: nn.Module,
        code: int,
        device: torch.device | str,
        precision: str,
        name: str = "the network",
    ) -> None:
        if precision not in PRECISIONS:
            raise ConfigurationError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
        super().__init__(code, name)
        self.device = torch.device(device)
        self.on_accelerator = self.device.type != "cpu"
        self.dtype = PRECISIONS[precision]
        self.network = frozen(network, self.device, self.dtype)
        self._idle_batches: list[FixedBatch] = []

    def _evaluate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.in_fixed_batches(positions) if self.on_accelerator else self._in_one_batch(positions)

    def _in_one_batch(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        observations = np.empty((len(positions), OBSERVATION_SIZE), np.float32)
        observe_all(positions, self._code, observations)
        with torch.inference_mode():
            values, log_policy = self.network(torch.from_numpy(observations).to(self.dtype))
            return values[:, 0].float().numpy(), log_policy.float().numpy()

    def in_fixed_batches(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates positions on an accelerator. Each thread that asks has a batch of its own in flight.

        Args:
            positions: int64 [B] packed positions.

        Returns:
            Values, float32 [B], and log policies, float32 [B, 303].
        """
        n = len(positions)
        values, log_policy = np.empty(n, np.float32), np.empty((n, NUM_ACTIONS), np.float32)
        try:
            batch = self._idle_batches.pop()
        except IndexError:
            batch = FixedBatch(self.network, self.device, self.dtype)
        for first in range(0, n, ROWS):
            rows = slice(first, first + ROWS)
            batch(positions[rows], self._code, values[rows], log_policy[rows])
        self._idle_batches.append(batch)
        return values, log_policy

    def enqueue(self, observations: Tensor, values: Tensor, log_policy: Tensor) -> None:
        """Evaluates observations that lie in the device's memory, on the current stream. See `DeviceEvaluator`.

        It can be captured in a CUDA graph after a first call, which prepares libraries. It holds no memory between
        calls, so that several graphs of one evaluator may run at the same time.

        Args:
            observations: float32 [B, 184].
            values: float32 [B] receives the values for the players to move.
            log_policy: float32 [B, 303] receives the log policies.
        """
        with torch.inference_mode():
            if isinstance(self.network, FusedNetwork):
                self.network.write(observations, values, log_policy)
                return
            answers = self.network(observations.to(self.dtype))
            values.copy_(answers[0][:, 0])
            log_policy.copy_(answers[1])

    def load(self, network: nn.Module) -> None:
        """Takes over the weights of a network, in place: captured graphs go on with them.

        The device is idle afterwards. What a cache remembers is of the old weights.

        Args:
            network: of the kind and the sizes of the one that the evaluator was made with.

        Raises:
            ConfigurationError: it is of another kind, or of other sizes.
        """
        self._wait()
        load_frozen(self.network, network)
        self._wait()

    def _wait(self) -> None:
        """Ends all work of the device: streams that only replay graphs wait for nobody."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def cached(self, size: int = CACHE_SIZE) -> CachedEvaluator | CheckedEvaluator:
        """The evaluator for searches. On a CPU it remembers the evaluations of about `size` positions.

        On an accelerator that would cost more than it saves: there the network is the cheaper part.
        """
        return self if self.on_accelerator else super().cached(size)
