"""A network on an accelerator, called with batches of one size."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch import nn

from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS
from pylos.network.frozen_network import FrozenNetwork

ROWS = 512
"""Positions per call. An H100 takes hardly longer for 512 of them than for one."""
_capture = threading.Lock()
_idle_streams: dict[torch.device, list[Any]] = defaultdict(list)
"""Streams that no batch uses now. They are used again, because torch keeps memory for every stream ever used."""


class FixedBatch:
    """Evaluates up to `ROWS` positions by one launch on the device. One thread at a time may use it.

    The batch has always the same size, so that the device always computes the same way: the evaluation of a position
    is the same, to the last bit, whatever else is in the batch. Memory is allocated once. With CUDA the host's part of
    it is pinned. The copies to the device and back and all layers are one CUDA graph, on a stream of its own. Several
    batches overlap, and none waits for the interpreter between layers.

    Args:
        network: frozen; maps observations [B, 184] to values [B, 1] and log policies [B, 303].
        device: where the network lies.
        dtype: the precision in which it computes.
    """

    def __init__(self, network: nn.Module | FrozenNetwork, device: torch.device, dtype: torch.dtype) -> None:
        self._network, self._device, self._dtype = network, device, dtype
        cuda = device.type == "cuda"
        self._inputs = torch.zeros(ROWS, OBSERVATION_SIZE, pin_memory=cuda)
        self._values = torch.zeros(ROWS, 1, pin_memory=cuda)
        self._log_policy = torch.zeros(ROWS, NUM_ACTIONS, pin_memory=cuda)
        self._stream: Any = None
        self._graph: Any = None
        if cuda:
            with _capture, torch.cuda.device(device):
                self._record()

    def _record(self) -> None:
        """Captures the computation, after a few runs in which libraries prepare themselves."""
        idle = _idle_streams[self._device]
        self._stream = idle.pop() if idle else torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch's
        weakref.finalize(self, idle.append, self._stream)
        self._stream.wait_stream(torch.cuda.current_stream())  # for the weights
        with torch.cuda.stream(self._stream):
            for _ in range(3):
                self._compute()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile. About the mode see `pylos.kernels.launch`.
        capture = torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        with torch.inference_mode(False), capture:
            self._compute()
        self._graph = graph

    def _compute(self) -> None:
        # Only the stream of CUDA waits for copies under way.
        cuda = self._device.type == "cuda"
        with torch.inference_mode():
            inputs = self._inputs.to(self._device, non_blocking=cuda).to(self._dtype)
            values, log_policy = self._network(inputs)
            self._values.copy_(values.float(), non_blocking=cuda)
            self._log_policy.copy_(log_policy.float(), non_blocking=cuda)

    def __call__(self, positions: np.ndarray, code: int, values: np.ndarray, log_policy: np.ndarray) -> None:
        """Evaluates positions.

        Args:
            positions: int64 [B <= ROWS] packed positions.
            code: of the rule set.
            values: float32 [B] receives the values for the players to move.
            log_policy: float32 [B, 303] receives the log policies.
        """
        n = len(positions)
        observe_all(positions, code, self._inputs.numpy()[:n])
        self.launch()
        values[:] = self._values.numpy()[:n, 0]
        log_policy[:] = self._log_policy.numpy()[:n]

    def launch(self) -> None:
        """Evaluates the observations that the memory holds, and waits for the answers."""
        if self._graph is None:
            self._compute()
            return
        with torch.cuda.stream(self._stream):
            self._graph.replay()
        self._stream.synchronize()
