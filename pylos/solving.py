"""Solving a rule set from nothing: the sweeps of `pylos.solver` on all cores, and the files they fill."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from pylos import solver
from pylos.actions import NUM_SYMMETRIES
from pylos.errors import TableError
from pylos.indexing import Index, build_index, locate
from pylos.rules import rules_code
from pylos.tables import DISTANCES, VALUES, finish, open_part, open_table, read_header, table_path
from pylos.turns import MAX_TURNS

VALUE_OF = np.array([0, -1, 1], np.int8)
"""[3] what UNKNOWN, LOSS and WIN are worth to the mover."""
CHUNK = 1 << 16
"""Positions that a thread takes at a time; a multiple of four, so that no two write to the same byte."""
_MOST_SUCCESSORS = 1 << 19

Work = Callable[[int, np.ndarray, np.ndarray], int]
"""``work(first, positions, room)`` on the numbers from ``first`` on; returns how many entries it wrote."""


@dataclass
class Progress:
    """How far a stage has come."""

    stage: str
    """values, survey, distances, check or count."""
    sweep: int
    """From 1, in the order in which they run."""
    done: int
    """Numbers that this sweep has been through."""
    total: int
    """Numbers that this sweep will go through."""


def _ignore(progress: Progress) -> None:
    """A report that goes nowhere."""


class Sweeper:
    """Runs a kernel over the positions of many shapes, in the order of the index, on several threads.

    It remembers when each shape was last looked at and last written to. Whether a thread sees what another one
    writes at the same time does not matter: whatever it missed, a later sweep finds.
    """

    def __init__(self, index: Index, rules: int, report: Callable[[Progress], None]) -> None:
        self.index = index
        self.rules = rules
        self.report = report
        self.stage = ""
        self.sweeps = 0
        self._successors, self._starts = _dependencies(index, rules)
        self._looked_at = np.zeros(len(index.shapes), np.int64)
        self._written_at = np.zeros(len(index.shapes), np.int64)
        self._clock = 0
        self._lock = threading.Lock()

    def latest(self, times: np.ndarray) -> np.ndarray:
        """[S] for each shape the latest of ``times`` [S] among the shapes that its turns lead to."""
        return np.maximum.reduceat(times[self._successors], self._starts)

    def until_nothing_follows(self, shapes: np.ndarray, left: np.ndarray, work: Work) -> np.ndarray:
        """Sweeps over ``shapes``, then over those that depend on what was written, until nothing is.

        Args:
            shapes: where to begin.
            left: [S] entries not written yet, counted down here. A shape without any is left alone.
            work: writes what follows.

        Returns:
            [S] whether anything was written.
        """
        before = left.copy()
        while len(shapes):
            left -= self.sweep(shapes, work)
            shapes = np.flatnonzero((self.latest(self._written_at) > self._looked_at) & (left > 0))
        return left < before

    def sweep(self, shapes: np.ndarray, work: Work) -> np.ndarray:
        """Runs ``work`` once over ``shapes``; returns what it returned, summed by shape [S]."""
        self.sweeps += 1
        results = np.zeros(len(self.index.shapes), np.int64)
        progress = Progress(self.stage, self.sweeps, 0, int(self.index.sizes[shapes].sum()))
        chunks = self._chunks(shapes)
        threads = len(os.sched_getaffinity(0))
        stop = threading.Event()

        def run() -> None:
            positions, room = np.empty(CHUNK, np.int64), np.empty(MAX_TURNS, np.int64)
            while not stop.is_set():
                with self._lock:
                    shape, first = next(chunks, (-1, 0))
                    self._clock += 1
                    if shape < 0:
                        return
                    if first == self.index.offsets[shape]:
                        self._looked_at[shape] = self._clock
                n = solver.list_positions(self.index, self.rules, shape, first, positions)
                result = work(first, positions[:n], room)
                with self._lock:
                    results[shape] += result
                    progress.done += n
                    self._clock += 1
                    if result:
                        self._written_at[shape] = self._clock
                self.report(progress)

        with ThreadPoolExecutor(threads) as pool:
            try:
                for future in [pool.submit(run) for _ in range(threads)]:
                    future.result()
            finally:
                stop.set()  # after Ctrl-C the threads end with the chunk they are at
        return results

    def check(self, work: Work) -> None:
        """Runs ``work`` over all shapes.

        Raises:
            TableError: it found something wrong.
        """
        stage, self.stage = self.stage, "check"
        if wrong := self.sweep(np.arange(len(self.index.shapes)), work).sum():
            raise TableError(
                f"{wrong:,} {stage} do not follow from those of their successors: delete the unfinished file "
                "and start again"
            )

    def _chunks(self, shapes: np.ndarray) -> Iterator[tuple[int, int]]:
        for shape in shapes.tolist():
            offset, size = int(self.index.offsets[shape]), int(self.index.sizes[shape])
            for first in range(offset, offset + size, CHUNK):
                yield shape, first


def _dependencies(index: Index, rules: int) -> tuple[np.ndarray, np.ndarray]:
    """The shapes to which the turns of each shape may lead: all in one row, and where each shape's begin.

    Every shape counts among its own, which no turn can harm and which leaves none without.
    """
    room = np.empty(_MOST_SUCCESSORS, np.int64)
    rows = []
    for shape in range(len(index.shapes)):
        n = solver.successor_shapes(index, rules, shape, room)
        room[n] = shape
        rows.append(np.unique(room[: n + 1]).astype(np.int32))
    starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
    return np.concatenate(rows), starts


def _solve_values(sweeper: Sweeper, values: np.ndarray) -> None:
    index, rules = sweeper.index, sweeper.rules

    def work(first: int, positions: np.ndarray, room: np.ndarray) -> int:
        return solver.sweep_values(index, values, rules, first, positions, room)

    sweeper.stage = VALUES
    sweeper.until_nothing_follows(np.arange(len(index.shapes)), index.sizes.copy(), work)
    sweeper.check(
        lambda first, positions, room: solver.check_values(index, values, rules, first, positions, room)
    )


def _solve_distances(sweeper: Sweeper, values: np.ndarray, distances: np.ndarray) -> None:
    index, rules = sweeper.index, sweeper.rules
    sweeper.stage = "survey"
    seen = [-1]  # the excesses met in what an interrupted run has written

    def survey(first: int, positions: np.ndarray, room: np.ndarray) -> int:
        left, highest = solver.survey_distances(values, distances, rules, first, positions)
        seen.append(highest)
        return left

    left = sweeper.sweep(np.arange(len(index.shapes)), survey)
    excess = max(0, *seen)
    written_in = np.full(len(index.shapes), excess)  # the excess at which each shape was last written to

    def work(first: int, positions: np.ndarray, room: np.ndarray) -> int:
        return solver.sweep_distances(index, values, distances, rules, excess, first, positions, room)

    sweeper.stage = DISTANCES
    while left.any():
        shapes = np.flatnonzero((sweeper.latest(written_in) >= excess - solver.MAX_EXTRA) & (left > 0))
        written_in[sweeper.until_nothing_follows(shapes, left, work)] = excess
        excess += 1
        if excess > min(written_in.max() + solver.MAX_EXTRA + 1, solver.MAX_EXCESS):
            raise TableError("from these values no distances follow; the table of values is not sound")
    sweeper.check(
        lambda first, positions, room: solver.check_distances(
            index, values, distances, rules, first, positions, room
        )
    )


def _summarise(sweeper: Sweeper, values: np.ndarray, distances: np.ndarray) -> dict[str, Any]:
    """What the header says about the solution; an empty ``distances`` if there are none."""
    index = sweeper.index
    most = int(max(shape.bit_count() for shape in index.shapes.tolist()))
    images = NUM_SYMMETRIES // np.array([bits.bit_count() for bits in index.symmetries.tolist()])
    counts = np.zeros((most + 1, 256, 3), np.int64)
    classes = np.zeros(3, np.int64)
    lock = threading.Lock()

    def work(first: int, positions: np.ndarray, room: np.ndarray) -> int:
        found = np.zeros((256, 3, 2), np.int64)
        solver.tally(values, distances, first, positions, found)
        shape = int(np.searchsorted(index.offsets, first, side="right")) - 1
        with lock:
            counts[int(index.shapes[shape]).bit_count()] += found[:, :, 0] * images[shape]
            classes[:] += found[:, :, 1].sum(axis=0)
        return 0

    sweeper.stage = "count"
    sweeper.sweep(np.arange(len(index.shapes)), work)
    order = [solver.WIN, solver.LOSS, solver.UNKNOWN]
    start = locate(index, 0, 0)
    facts = {
        "start": int(VALUE_OF[solver.read_value(values, start)]),
        "wins_losses_draws": counts.sum(axis=(0, 1))[order].tolist(),
        "up_to_symmetry": classes[order].tolist(),
        "by_balls": counts.sum(axis=1)[:, order].tolist(),
    }
    if len(distances):
        longest = [[int(np.flatnonzero(n[:, v]).max(initial=0)) - 1 for v in order[:2]] for n in counts]
        facts |= {"start_distance": int(distances[start]) - 1, "longest_by_balls": longest}
    return facts


def solve(
    rules: str, *, distance: bool = False, report: Callable[[Progress], None] = _ignore
) -> dict[str, Any]:
    """Solves a rule set and keeps the solution in ``tables`` in the folder `pylos.jit.home`.

    What exists is not made again, and what was interrupted, be it by ``kill -9``, is taken up where it was.
    Nothing is given its final name before every position has been compared with its successors.

    Args:
        rules: the name of the rule set.
        distance: also the number of turns to the end, which takes several times as long.
        report: is told from time to time, from several threads, how far it is.

    Returns:
        What the header of the last table says.

    Raises:
        RulesError: there is no such rule set.
        TableError: there is no room, another process is at it, or a file is damaged.
    """
    path = table_path(rules, VALUES)
    code = rules_code(rules)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f"{rules}.lock"), timeout=0):
            sweeper = Sweeper(build_index(code), code, report)
            size = int(sweeper.index.offsets[-1])
            none = np.empty(0, np.uint8)
            if not path.exists():
                values = open_part(path, size // 4)
                _solve_values(sweeper, values)
                finish(path, values, _summarise(sweeper, values, none))
            if not distance:
                return read_header(path)
            path = table_path(rules, DISTANCES)
            if not path.exists():
                values, distances = open_table(table_path(rules, VALUES)), open_part(path, size)
                _solve_distances(sweeper, values, distances)
                finish(path, distances, _summarise(sweeper, values, distances))
            return read_header(path)
    except Timeout:
        raise TableError(f"another process is solving the {rules} rules") from None
