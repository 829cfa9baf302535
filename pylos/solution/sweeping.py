"""Sweeps over all positions of a rule set: a kernel runs on all cores, shape by shape, until nothing changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

import numpy as np

from pylos.game.position import NUM_CELLS
from pylos.game.rules import CELLS
from pylos.solution.indexing import Index, list_positions
from pylos.solution.successors import shape_successors
from pylos.system.machine import usable_threads

_NEVER = -1
CHUNK = 1 << 16
"""Positions that a thread takes at a time. A multiple of four, because values are read byte by byte."""

Due = Callable[[int, int, int, np.ndarray], int]
"""`due(shape, first, n, rows)` writes which of the `n` numbers of a shape from `first` on need work, as rows from 0
on, and returns how many."""
Work = Callable[[int, np.ndarray, np.ndarray], int]
"""`work(first, rows, positions)` on the numbers `first + rows`; returns how many entries it wrote."""


class Progress(NamedTuple):
    """How far a stage has come."""

    stage: str
    """One of `pylos.solution.solving.STAGES`."""
    done: int
    """Numbers that the stage has been through at least once."""
    total: int
    """All numbers. When `done` is there, further sweeps follow until nothing changes any more."""


class Sweeper:
    """Runs a kernel over the positions of many shapes, in the order of the index, on several threads.

    It keeps when each shape was last looked at and last written to. What one thread writes while another one reads may
    be missed; a later sweep finds it.

    Args:
        index: the index.
        code: the rule set's number.
        report: is called after every chunk, from several threads.
    """

    def __init__(self, index: Index, code: int, report: Callable[[Progress], None]) -> None:
        self.index = index
        self.code = code
        self.report = report
        self._successors, self._starts = shape_successors(index, code)
        levels = [level for level, _, _ in CELLS]
        heights = (index.shapes[:, None] >> np.arange(NUM_CELLS) & 1) @ levels
        # Shapes of one layer have equally many balls and equal height: no place and no raise leads from one to another.
        self._layers = 100 * np.bitwise_count(index.shapes).astype(np.int64) + heights
        self._lock = threading.Lock()
        self._clock = 0
        self.stage = ""
        self.last_written = 0
        """How many entries the latest sweep of the stage wrote; before the first one, how many there are."""
        self._seen = 0
        self._looked_at = np.full(len(index.shapes), _NEVER)
        self._written_at = np.zeros(len(index.shapes), np.int64)
        self._maybe_due = np.ones(len(index.shapes), np.bool_)

    def begin(self, stage: str) -> None:
        """Begins a stage: no shape has been looked at in it."""
        self.stage = stage
        self.last_written = int(self.index.sizes.sum())
        self._seen = 0
        self._looked_at[:] = _NEVER
        self._written_at[:] = 0
        self._maybe_due[:] = True

    def sweep_until_stable(self, due: Due, work: Work) -> None:
        """Sweeps over the shapes with a successor that was written to since the last look, until there are none."""
        while True:
            shapes = np.flatnonzero(self._is_outdated() & self._maybe_due)
            if not len(shapes):
                return
            written, open_rows = self.sweep(shapes, due, work)
            self.last_written = int(written.sum())
            self._maybe_due[shapes] = open_rows[shapes] > 0

    def note_written(self, counts: np.ndarray) -> None:
        """Remembers that a kernel wrote to these shapes, too, and not only to the one that it works on.

        Args:
            counts: int64 [S] the number of new entries by shape.
        """
        with self._lock:
            self._clock += 1
            self._written_at[counts > 0] = self._clock

    def mark_all_outdated(self) -> None:
        """Makes every shape count as outdated, because more is due than before."""
        self._written_at[:] = self._clock = self._clock + 1
        self._maybe_due[:] = True

    def _is_outdated(self) -> np.ndarray:
        """Whether a successor of a shape was written to since the shape was looked at, as bool [S]."""
        return np.maximum.reduceat(self._written_at[self._successors], self._starts) > self._looked_at

    def sweep(self, shapes: np.ndarray, due: Due, work: Work) -> tuple[np.ndarray, np.ndarray]:
        """Runs `work` once on what is `due` of `shapes`: what a position depends on comes first as far as possible.

        The layers come one after the other, because a place or a raise leads to an earlier one. In each layer images
        come last, because they are copies. Without this order threads would miss what others are writing, and with
        every layer they would miss more.

        Args:
            shapes: int64 [n] the numbers of the shapes, ascending.
            due: says which rows need work.
            work: does it.

        Returns:
            int64 [S] by shape the sum of what `work` returned, and int64 [S] how many rows were due.
        """
        parts: list[tuple[np.ndarray, bool | None]] = []
        for layer in np.split(shapes, np.flatnonzero(np.diff(self._layers[shapes])) + 1):
            parts.append((layer, False))
            if len(symmetric := layer[self.index.symmetries[layer] != 1]):
                parts.append((symmetric, True))
        return self._run(parts, due, work)

    def sweep_all(self, stage: str, work: Work, due: Due | None = None) -> int:
        """Runs `work` once on all shapes, as a stage of its own; returns the sum of what it returned.

        Args:
            stage: the name of the stage.
            work: does the work.
            due: says which rows need it; by default all.
        """
        self.begin(stage)
        everything = np.arange(len(self.index.shapes)), None
        return int(self._run([everything], due or _all_rows, work)[0].sum())

    def _run(
        self, parts: list[tuple[np.ndarray, bool | None]], due: Due, work: Work
    ) -> tuple[np.ndarray, np.ndarray]:
        """Runs `work` on parts, one after the other; for what it returns see `sweep`.

        Args:
            parts: shapes, and whether to take only images (True), no images (False) or all rows (None).
            due: says which rows need work.
            work: does it.
        """
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

        threads = usable_threads()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for shapes, images in parts:
                    chunks = self._chunks(shapes)
                    for future in as_completed([pool.submit(run, chunks, images) for _ in range(threads)]):
                        future.result()
            finally:
                stop.set()  # after Ctrl-C or an error the threads end with the chunk that they work on
        return results, open_rows

    def _chunks(self, shapes: np.ndarray) -> Iterator[tuple[int, int, int]]:
        """The numbers of shapes in chunks: the shape, the first number and how many."""
        for shape in shapes.tolist():
            offset, size = int(self.index.offsets[shape]), int(self.index.sizes[shape])
            for start in range(0, size, CHUNK):
                yield shape, offset + start, min(CHUNK, size - start)


def _all_rows(shape: int, first: int, n: int, rows: np.ndarray) -> int:
    """A `Due` that takes everything."""
    rows[:n] = np.arange(n)
    return n
