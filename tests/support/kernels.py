"""A kernel as notebooks have it: code is executed, its messages are heard, and it can be interrupted."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SECONDS = 120
"""A cell that takes longer is a failure."""


@dataclass
class Cell:
    """What the kernel said while it executed a cell."""

    text: str = ""
    """All that was printed, and the text of the result."""
    error: str = ""
    """Name and traceback of the exception that ended it."""
    kinds: Counter[str] = field(default_factory=Counter)
    """How many messages of each type came."""


class Kernel:
    """A running kernel. Use it in a `with` statement."""

    def __enter__(self) -> Kernel:
        from jupyter_client.manager import start_new_kernel

        self._manager, self._client = start_new_kernel(kernel_name="python3")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, code: str, interrupt_at: Callable[[str], bool] | None = None) -> Cell:
        """Executes code.

        Args:
            code: the cell.
            interrupt_at: interrupts once it is true of the text of a message.
        """
        cell, sent, ends = Cell(), self._client.execute(code), time.monotonic() + SECONDS
        interrupted = False
        while time.monotonic() < ends:
            try:
                message: dict[str, Any] = self._client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            cell.kinds[kind] += 1
            shown = content.get("text") or content.get("data", {}).get("text/plain", "")
            if kind in ("stream", "execute_result"):
                cell.text += shown
            if kind == "error":
                cell.error = "\n".join([content["ename"], *content["traceback"]])
            if kind == "status" and content["execution_state"] == "idle":
                return cell
            if interrupt_at is not None and not interrupted and interrupt_at(shown):
                self._manager.interrupt_kernel()
                interrupted = True
        raise TimeoutError(f"the cell did not end: {code}")
