"""Agents for tests of the search service, and reports that a test waits for."""

from __future__ import annotations

import queue
import threading

import numpy as np

from pylos.analysis.agents import Agent
from pylos.analysis.reports import Report
from pylos.search.evaluator import Evaluator
from tests.support.evaluators import hashed

SECONDS = 60
"""How long a test waits at most: it may wait for a kernel to compile."""


def hashed_agent(rules: str = "standard", evaluate: Evaluator = hashed, root: str = "gumbel") -> Agent:
    """An agent that judges by hashes, unless another evaluator is given."""
    return Agent("hashed", rules, root, evaluate)


class Reports:
    """Collects the reports of a search."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.all: list[Report] = []

    def __call__(self, report: Report) -> None:
        self._queue.put(report)

    def next(self) -> Report:
        """Waits for the next report."""
        self.all.append(self._queue.get(timeout=SECONDS))
        return self.all[-1]

    def last(self) -> Report:
        """Waits for the last report."""
        while not self.next().done:
            pass
        return self.all[-1]

    @property
    def is_empty(self) -> bool:
        """Whether no report has come that was not waited for."""
        return self._queue.empty()


class Gate:
    """An evaluator that lets a test decide when a batch is evaluated, and remembers the sizes of batches."""

    def __init__(self, evaluate: Evaluator = hashed) -> None:
        self._evaluate = evaluate
        self._permits, self._waiting = threading.Semaphore(0), threading.Semaphore(0)
        self.sizes: list[int] = []

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.sizes.append(len(np.unique(positions)))
        self._waiting.release()
        assert self._permits.acquire(timeout=SECONDS)
        return self._evaluate(positions)

    def wait(self) -> None:
        """Waits until a batch has come."""
        assert self._waiting.acquire(timeout=SECONDS)

    def open(self, batches: int = 100_000) -> None:
        """Lets a number of batches pass."""
        self._permits.release(batches)
