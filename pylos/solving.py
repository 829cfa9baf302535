"""Solving a rule set from nothing: the sweeps of `pylos.solver` on all cores, and the files they fill."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from pylos import solver
from pylos.actions import NUM_SYMMETRIES
from pylos.dependencies import dependencies
from pylos.errors import TableError
from pylos.indexing import Index, build_index, locate
from pylos.rules import CELLS, NUM_CELLS, rules_code
from pylos.tables import DISTANCES, VALUES, finish, open_part, open_table, part_path, read_header, table_path
from pylos.turns import MAX_TURNS

VALUE_OF = np.array([0, -1, 1], np.int8)
"""[3] what UNKNOWN, LOSS and WIN are worth to the mover."""
_NEVER = -1
CHUNK = 1 << 16
"""Positions that a thread takes at a time; a multiple of four, so that no two write to the same byte."""

Due = Callable[[int, int, int, np.ndarray], int]
"""``due(shape, first, n, rows)`` writes which of the ``n`` numbers of a shape from ``first`` on are to be worked
on, as rows from 0 on, and returns how many."""
Work = Callable[[int, np.ndarray, np.ndarray, np.ndarray], int]
"""``work(first, rows, positions, room)`` on the numbers ``first + rows``; returns how many entries it wrote."""


class Progress(NamedTuple):
    """How far a stage has come."""

    stage: str
    """One of STAGES."""
    done: int
    """Numbers that the stage has been through at least once."""
    total: int
    """All of them. Then come further looks, until nothing changes any more."""


STAGES = (
    VALUES,
    "check values",
    "count values",
    "open distances",
    DISTANCES,
    "check distances",
    "count distances",
)
"""In the order in which they run; those after the third only with distances."""


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
        self._successors, self._starts = dependencies(index, rules)
        levels = [level for level, _, _ in CELLS]
        heights = (index.shapes[:, None] >> np.arange(NUM_CELLS) & 1) @ levels
        # Shapes of one layer have as many balls, as high up: no place and no raise leads from one to another.
        self._layers = 100 * np.bitwise_count(index.shapes).astype(np.int64) + heights
        self._clock = 0
        self._lock = threading.Lock()
        self.begin("")

    def begin(self, stage: str) -> None:
        """Begins a stage: no shape has been looked at in it."""
        self.stage = stage
        self._seen = 0
        self._looked_at = np.full(len(self.index.shapes), _NEVER)
        self._written_at = np.zeros(len(self.index.shapes), np.int64)
        self._maybe_due = np.ones(len(self.index.shapes), np.bool_)

    def until_nothing_changes(self, due: Due, work: Work) -> None:
        """Sweeps over the shapes that depend on what was written since they were looked at, until none does."""
        while True:
            shapes = np.flatnonzero(self._is_outdated() & self._maybe_due)
            if not len(shapes):
                return
            self._maybe_due[shapes] = self.sweep(shapes, due, work)[1][shapes] > 0

    def look_again(self) -> bool:
        """Lets every shape that may have something due count as outdated; returns whether there is any."""
        self._written_at[:] = self._clock = self._clock + 1
        return bool(self._maybe_due.any())

    def _is_outdated(self) -> np.ndarray:
        """[S] whether a shape to which a shape's turns lead was written to since the shape was looked at."""
        return np.maximum.reduceat(self._written_at[self._successors], self._starts) > self._looked_at

    def sweep(self, shapes: np.ndarray, due: Due, work: Work) -> tuple[np.ndarray, np.ndarray]:
        """Runs ``work`` once on what is ``due`` of ``shapes``.

        Returns:
            By shape [S] the sum of what it returned, and how many rows were due.
        """
        results, open_rows = np.zeros((2, len(self.index.shapes)), np.int64)
        stop, total = threading.Event(), int(self.index.sizes.sum())

        def run(chunks: Iterator[tuple[int, int, int]]) -> None:
            rows, positions = np.empty(CHUNK, np.int32), np.empty(CHUNK, np.int64)
            room = np.empty(MAX_TURNS, np.int64)
            while not stop.is_set():
                with self._lock:
                    shape, first, n = next(chunks, (-1, 0, 0))
                    self._clock += 1
                    if shape < 0:
                        return
                    if first == self.index.offsets[shape]:
                        if self._looked_at[shape] == _NEVER:
                            self._seen += int(self.index.sizes[shape])
                        self._looked_at[shape] = self._clock
                found = rows[: due(shape, first, n, rows)]
                result = 0
                if len(found):
                    solver.list_positions(self.index, self.rules, shape, first, found, positions)
                    result = work(first, found, positions[: len(found)], room)
                with self._lock:
                    results[shape] += result
                    open_rows[shape] += len(found)
                    self._clock += 1
                    if result:
                        self._written_at[shape] = self._clock
                    progress = Progress(self.stage, self._seen, total)
                self.report(progress)

        threads = len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(threads) as pool:
            try:
                # Layer by layer: a place or a raise leads to an earlier one. A successor that another thread is
                # at would be missed, and so would most of what depends on it, further with every layer.
                for layer in np.split(shapes, np.flatnonzero(np.diff(self._layers[shapes])) + 1):
                    chunks = self._chunks(layer)
                    for future in as_completed([pool.submit(run, chunks) for _ in range(threads)]):
                        future.result()
            finally:
                stop.set()  # after Ctrl-C or an error in one of them the threads end with the chunk they are at
        return results, open_rows

    def sweep_all(self, stage: str, work: Work, due: Due | None = None) -> int:
        """Runs ``work`` once on all shapes, as a stage of its own; returns the sum of what it returned.

        Without a ``due`` everything is.
        """
        due = due or _all_rows
        self.begin(stage)
        return int(self.sweep(np.arange(len(self.index.shapes)), due, work)[0].sum())

    def _chunks(self, shapes: np.ndarray) -> Iterator[tuple[int, int, int]]:
        for shape in shapes.tolist():
            offset, size = int(self.index.offsets[shape]), int(self.index.sizes[shape])
            for start in range(0, size, CHUNK):
                yield shape, offset + start, min(CHUNK, size - start)


def _all_rows(shape: int, first: int, n: int, rows: np.ndarray) -> int:
    """Everything is due."""
    rows[:n] = np.arange(n)
    return n


def _solve_values(sweeper: Sweeper, values: np.ndarray) -> int:
    """Fills the table; returns how many entries are wrong all the same."""
    index, rules = sweeper.index, sweeper.rules

    def due(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        return solver.without_value(values, first, n, rows)

    def work(first: int, rows: np.ndarray, positions: np.ndarray, room: np.ndarray) -> int:
        return solver.sweep_values(index, values, rules, first, rows, positions, room)

    def check(first: int, rows: np.ndarray, positions: np.ndarray, room: np.ndarray) -> int:
        return solver.check_values(index, values, rules, first, rows, positions, room)

    sweeper.begin(VALUES)
    sweeper.until_nothing_changes(due, work)
    return sweeper.sweep_all("check values", check)


def _solve_distances(sweeper: Sweeper, values: np.ndarray, distances: np.ndarray) -> int:
    """The same for distances."""
    index, rules = sweeper.index, sweeper.rules

    def begin(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        solver.open_distances(index, values, distances, rules, shape, first, n)
        return 0

    def due(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        return solver.open_rows(distances, first, n, rows)

    def work(first: int, rows: np.ndarray, positions: np.ndarray, room: np.ndarray) -> int:
        return solver.sweep_distances(index, distances, rules, excess, first, rows, positions, room)

    def check(first: int, rows: np.ndarray, positions: np.ndarray, room: np.ndarray) -> int:
        return solver.check_distances(index, values, distances, rules, first, rows, positions, room)

    sweeper.sweep_all("open distances", work, begin)
    sweeper.begin(DISTANCES)
    excess = 0
    sweeper.until_nothing_changes(due, work)
    # Up to the greatest excess of any entry: after a resume there may be nothing to close for a long while.
    while sweeper.look_again() and excess < solver.OPEN // 2:
        excess += 1
        sweeper.until_nothing_changes(due, work)
    return sweeper.sweep_all("check distances", check)


def _refuse(wrong: int, kind: str, *files: Path) -> None:
    """Raises TableError if anything is wrong."""
    if wrong:
        raise TableError(
            f"{wrong:,} {kind} do not follow from those of their successors: "
            f"delete {' and '.join(map(str, files))} and start again"
        )


def _summarise(sweeper: Sweeper, values: np.ndarray, distances: np.ndarray) -> dict[str, Any]:
    """What the header says about the solution; an empty ``distances`` if there are none."""
    index = sweeper.index
    most = int(max(shape.bit_count() for shape in index.shapes.tolist()))
    images = NUM_SYMMETRIES // np.array([bits.bit_count() for bits in index.symmetries.tolist()])
    counts = np.zeros((most + 1, 256, 3), np.int64)
    classes = np.zeros(3, np.int64)
    lock = threading.Lock()

    def work(first: int, rows: np.ndarray, positions: np.ndarray, room: np.ndarray) -> int:
        found = np.zeros((256, 3, 2), np.int64)
        solver.tally(values, distances, first, rows, positions, found)
        shape = int(np.searchsorted(index.offsets, first, side="right")) - 1
        with lock:
            counts[int(index.shapes[shape]).bit_count()] += found[:, :, 0] * images[shape]
            classes[:] += found[:, :, 1].sum(axis=0)
        return 0

    sweeper.sweep_all("count distances" if len(distances) else "count values", work)
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
                _refuse(_solve_values(sweeper, values), VALUES, part_path(path))
                finish(path, values, _summarise(sweeper, values, none))
            if not distance:
                return read_header(path)
            path = table_path(rules, DISTANCES)
            if not path.exists():
                source = table_path(rules, VALUES)
                values, distances = open_table(source), open_part(path, size)
                _refuse(_solve_distances(sweeper, values, distances), DISTANCES, part_path(path), source)
                finish(path, distances, _summarise(sweeper, values, distances))
            return read_header(path)
    except Timeout:
        raise TableError(f"another process is solving the {rules} rules") from None
