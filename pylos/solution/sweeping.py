"""Sweeps over all positions of a rule set: a kernel run on all cores, shape by shape, until nothing changes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

import numpy as np

from pylos.game.rules import CELLS, NUM_CELLS
from pylos.solution.indexing import Index, list_positions
from pylos.solution.successors import shape_successors

_NEVER = -1
CHUNK = 1 << 16
"""Positions that a thread takes at a time; a multiple of four: values are looked at byte by byte."""

Due = Callable[[int, int, int, np.ndarray], int]
"""``due(shape, first, n, rows)`` writes which of the ``n`` numbers of a shape from ``first`` on are to be worked
on, as rows from 0 on, and returns how many."""
Work = Callable[[int, np.ndarray, np.ndarray], int]
"""``work(first, rows, positions)`` on the numbers ``first + rows``; returns how many entries it wrote."""


class Progress(NamedTuple):
    """How far a stage has come."""

    stage: str
    """One of `pylos.solution.solving.STAGES`."""
    done: int
    """Numbers that the stage has been through at least once."""
    total: int
    """All of them. Then come further looks, until nothing changes any more."""


class Sweeper:
    """Runs a kernel over the positions of many shapes, in the order of the index, on several threads.

    It remembers when each shape was last looked at and last written to. Where a thread misses what another one
    writes at the same time, a later sweep finds it.
    """

    def __init__(self, index: Index, code: int, report: Callable[[Progress], None]) -> None:
        self.index = index
        self.code = code
        self.report = report
        self._successors, self._starts = shape_successors(index, code)
        levels = [level for level, _, _ in CELLS]
        heights = (index.shapes[:, None] >> np.arange(NUM_CELLS) & 1) @ levels
        # Shapes of one layer have as many balls, as high up: no place and no raise leads from one to another.
        self._layers = 100 * np.bitwise_count(index.shapes).astype(np.int64) + heights
        self._clock = 0
        self._lock = threading.Lock()
        self.begin("")

    def begin(self, stage: str) -> None:
        """Begins a stage: no shape has been looked at in it.

        ``last_written`` is how many entries its latest sweep wrote, before the first one: how many there are.
        """
        self.stage = stage
        self._seen = 0
        self.last_written = int(self.index.sizes.sum())
        self._looked_at = np.full(len(self.index.shapes), _NEVER)
        self._written_at = np.zeros(len(self.index.shapes), np.int64)
        self._maybe_due = np.ones(len(self.index.shapes), np.bool_)

    def sweep_until_stable(self, due: Due, work: Work) -> None:
        """Sweeps over the shapes that depend on what was written since they were looked at, until none does."""
        while True:
            shapes = np.flatnonzero(self._is_outdated() & self._maybe_due)
            if not len(shapes):
                return
            written, open_rows = self.sweep(shapes, due, work)
            self.last_written = int(written.sum())
            self._maybe_due[shapes] = open_rows[shapes] > 0

    def note_written(self, counts: np.ndarray) -> None:
        """Takes note of the shapes [S] to which something was written that are not the one that is worked on."""
        with self._lock:
            self._clock += 1
            self._written_at[counts > 0] = self._clock

    def mark_all_outdated(self) -> None:
        """Lets every shape count as outdated, because more is due than before."""
        self._written_at[:] = self._clock = self._clock + 1
        self._maybe_due[:] = True

    def _is_outdated(self) -> np.ndarray:
        """[S] whether a shape to which a shape's turns lead was written to since the shape was looked at."""
        return np.maximum.reduceat(self._written_at[self._successors], self._starts) > self._looked_at

    def sweep(self, shapes: np.ndarray, due: Due, work: Work) -> tuple[np.ndarray, np.ndarray]:
        """Runs ``work`` once on what is ``due`` of ``shapes``, as far as possible after what it depends on.

        Layer by layer, because a place or a raise leads to an earlier one, and in each the images last, because
        they are copies. Side by side a thread would miss what another is at, and miss so most of what depends on
        it, further with every layer.

        Returns:
            By shape [S] the sum of what it returned, and how many rows were due.
        """
        parts: list[tuple[np.ndarray, bool | None]] = []
        for layer in np.split(shapes, np.flatnonzero(np.diff(self._layers[shapes])) + 1):
            parts.append((layer, False))
            if len(symmetric := layer[self.index.symmetries[layer] != 1]):
                parts.append((symmetric, True))
        return self._run(parts, due, work)

    def sweep_all(self, stage: str, work: Work, due: Due | None = None) -> int:
        """Runs ``work`` once on all shapes in any order, as a stage of its own; returns the sum of what it returned.

        Without a ``due`` everything is.
        """
        self.begin(stage)
        everything = np.arange(len(self.index.shapes)), None
        return int(self._run([everything], due or _all_rows, work)[0].sum())

    def _run(
        self, parts: list[tuple[np.ndarray, bool | None]], due: Due, work: Work
    ) -> tuple[np.ndarray, np.ndarray]:
        """Runs ``work`` on parts one after the other: shapes, and whether only images, none of them, or all rows."""
        results, open_rows = np.zeros((2, len(self.index.shapes)), np.int64)
        stop, total = threading.Event(), int(self.index.sizes.sum())

        def run(chunks: Iterator[tuple[int, int, int]], images: bool | None) -> None:
            rows, positions = np.empty(CHUNK, np.int32), np.empty(CHUNK, np.int64)
            while not stop.is_set():
                with self._lock:
                    shape, first, n = next(chunks, (-1, 0, 0))
                    self._clock += 1
                    if shape < 0:
                        return
                    if first == self.index.offsets[shape] and not images:
                        if self._looked_at[shape] == _NEVER:
                            self._seen += int(self.index.sizes[shape])
                        self._looked_at[shape] = self._clock
                found = rows[: due(shape, first, n, rows)]
                listed = positions[: len(found)]
                list_positions(self.index, self.code, shape, first, found, listed)
                chosen = slice(None) if images is None else (listed < 0) == images
                result = work(first, found[chosen], listed[chosen])
                with self._lock:
                    results[shape] += result
                    open_rows[shape] += len(found)
                    self._clock += 1
                    if result:
                        self._written_at[shape] = self._clock
                    progress = Progress(self.stage, self._seen, total)
                self.report(progress)

        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            try:
                for shapes, images in parts:
                    chunks = self._chunks(shapes)
                    for future in as_completed([pool.submit(run, chunks, images) for _ in range(threads)]):
                        future.result()
            finally:
                stop.set()  # after Ctrl-C or an error in one of them the threads end with the chunk they are at
        return results, open_rows

    def _chunks(self, shapes: np.ndarray) -> Iterator[tuple[int, int, int]]:
        for shape in shapes.tolist():
            offset, size = int(self.index.offsets[shape]), int(self.index.sizes[shape])
            for start in range(0, size, CHUNK):
                yield shape, offset + start, min(CHUNK, size - start)


def _all_rows(shape: int, first: int, n: int, rows: np.ndarray) -> int:
    """Everything is due."""
    rows[:n] = np.arange(n)
    return n
