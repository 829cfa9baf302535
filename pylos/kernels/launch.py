"""Work on a CUDA device that is done again and again, launched as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_BEFORE_CAPTURE = 3
"""How often work is enqueued before it is captured: kernels are compiled then, and libraries make themselves ready."""


class Launch(Generic[T]):
    """Some work on a device: enqueued kernel by kernel at first, then captured, and from then on one launch.

    What the work reads and writes must stay where it is, and nothing in it may wait for the host. On a CPU it is
    simply called. It counts for the device's current stream.

    Args:
        work: enqueues the work on the current stream, and returns what is found there when it is done.
        device: where it is done.
    """

    def __init__(self, work: Callable[[], T], device: torch.device) -> None:
        import torch  # here, because this wing is imported by commands that do without torch

        self._work, self._device, self._torch = work, device, torch
        self._left = _BEFORE_CAPTURE
        self._graph: Any = None
        self._found: Any = None
        self._stream: Any = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch's

    def __call__(self) -> T:
        """Does the work. What it returned at its capture it returns from then on: the same memory."""
        if self._stream is None:
            return self._work()
        if self._left:
            self._left -= 1
            return self.enqueue(self._work)
        if self._graph is None:
            self._capture()
        self._graph.replay()
        found: T = self._found
        return found

    def enqueue(self, work: Callable[[], T]) -> T:
        """Does some work once, on the stream on which the other is captured, so that both use the same memory."""
        if self._stream is None:
            return work()
        here = self._torch.cuda.current_stream(self._device)
        self._stream.wait_stream(here)
        with self._torch.cuda.stream(self._stream):
            found = work()
        here.wait_stream(self._stream)
        return found

    def _capture(self) -> None:
        graph = self._torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile. Up to 2.10, torch captures nothing outside of inference
        # mode while there is a graph whose capture was the first, and in that mode.
        capture = self._torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        with self._torch.inference_mode(False), capture:
            self._found = self._work()
        self._graph = graph
