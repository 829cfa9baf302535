"""Solving a rule set from nothing: the stages, and the files that they fill."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from pylos.errors import TableError
from pylos.game.position import START
from pylos.game.rules import rules_code
from pylos.game.symmetry import NUM_SYMMETRIES
from pylos.solution.distances import (
    OPEN,
    any_open,
    check_distances,
    due_distances,
    open_distances,
    sweep_distances,
)
from pylos.solution.indexing import build_index, number_of
from pylos.solution.sweeping import Progress, Sweeper
from pylos.solution.tables import (
    DISTANCES,
    VALUES,
    finish_table,
    open_part,
    open_table,
    part_path,
    read_header,
    table_bytes,
    table_path,
)
from pylos.solution.values import (
    LOSS,
    UNKNOWN,
    WIN,
    check_values,
    read_value,
    sweep_values,
    tally,
    without_value,
    worth,
)
from pylos.system.files import make_folder

FOLLOW_BELOW = 0.1
"""After a sweep that wrote fewer values than this per byte of the table, the next follows every trail to its end."""
STAGES = (VALUES, "check values", "open distances", DISTANCES, "check distances")
"""The stages in the order in which they run. Those after the second belong to the distances."""


def _ignore(progress: Progress) -> None:
    """The report of a solver that nobody watches."""


def _solve_values(sweeper: Sweeper, values: np.ndarray) -> None:
    """Fills the table of values."""
    index, code = sweeper.index, sweeper.code

    def due(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        return without_value(values, first, n, rows)

    def work(first: int, rows: np.ndarray, positions: np.ndarray) -> int:
        written = np.zeros(len(index.shapes), np.int64)
        follow = sweeper.last_written < FOLLOW_BELOW * len(values)
        sweep_values(index, values, code, looking, follow, first, rows, positions, written)
        sweeper.note_written(written)
        return int(written.sum())

    looking, incomplete = False, bool(values.any())
    sweeper.begin(VALUES)
    sweeper.sweep_until_stable(due, work)
    while incomplete:
        # After an interruption a loss may be there without its wins: look for them until there are no more.
        looking = True
        incomplete = bool(sweeper.sweep(np.arange(len(index.shapes)), due, work)[0].any())
        looking = False
        sweeper.sweep_until_stable(due, work)


def _solve_distances(sweeper: Sweeper, values: np.ndarray, distances: np.ndarray) -> None:
    """Fills the table of distances."""
    index, code = sweeper.index, sweeper.code

    def open_all(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        open_distances(index, values, distances, code, shape, first, n)
        return 0

    def due(shape: int, first: int, n: int, rows: np.ndarray) -> int:
        return due_distances(index, distances, code, excess, shape, first, n, rows)

    def work(first: int, rows: np.ndarray, positions: np.ndarray) -> int:
        return sweep_distances(index, values, distances, code, excess, first, rows, positions)

    excess = 0
    sweeper.sweep_all("open distances", work, open_all)
    sweeper.begin(DISTANCES)
    sweeper.sweep_until_stable(due, work)
    # On to the greatest excess that an entry can have: after a resume many rounds may close nothing.
    while excess < OPEN // 2 and any_open(distances):
        excess += 1
        sweeper.mark_all_outdated()
        sweeper.sweep_until_stable(due, work)


def _verify(sweeper: Sweeper, values: np.ndarray, distances: np.ndarray, *files: Path) -> dict[str, Any]:
    """Compares every entry with those of its successors.

    Args:
        sweeper: goes through the positions.
        values: the table of values.
        distances: the table of distances, whose entries are compared. If it is an empty array, the values are.
        files: those that must be deleted if an entry is wrong.

    Returns:
        What the header says about the solution.

    Raises:
        TableError: an entry is wrong.
    """
    index, code, kind = sweeper.index, sweeper.code, DISTANCES if len(distances) else VALUES
    most = int(max(shape.bit_count() for shape in index.shapes.tolist()))
    images = NUM_SYMMETRIES // np.array([bits.bit_count() for bits in index.symmetries.tolist()])
    counts = np.zeros((most + 1, 256, 3), np.int64)
    classes = np.zeros(3, np.int64)
    lock = threading.Lock()

    def work(first: int, rows: np.ndarray, positions: np.ndarray) -> int:
        found = np.zeros((256, 3, 2), np.int64)
        tally(values, distances, first, rows, positions, found)
        shape = int(np.searchsorted(index.offsets, first, side="right")) - 1
        with lock:
            counts[int(index.shapes[shape]).bit_count()] += found[:, :, 0] * images[shape]
            classes[:] += found[:, :, 1].sum(axis=0)
        if kind == VALUES:
            return check_values(index, values, code, first, rows, positions)
        return check_distances(index, values, distances, code, first, rows, positions)

    if wrong := sweeper.sweep_all(f"check {kind}", work):
        raise TableError(
            f"{wrong:,} {kind} do not follow from those of their successors: "
            f"delete {' and '.join(map(str, files))} and start again"
        )
    order = [WIN, LOSS, UNKNOWN]
    start = number_of(index, START)
    facts = {
        "start": int(worth(read_value(values, start))),
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
    """Solves a rule set and keeps the solution in the folder `tables` of `pylos.system.home.home`.

    A finished table is not made again, but its checksum is compared. An unfinished one is continued, even after
    `kill -9`. A table gets its final name after every position was compared with its successors.

    Args:
        rules: the name of the rule set.
        distance: also compute the number of turns to the end, which takes several times as long.
        report: is called with the progress after every chunk of work, from several threads.

    Returns:
        The header of the last table; `wins_losses_draws`, for example, counts the positions.

    Raises:
        RulesError: there is no such rule set.
        TableError: there is no room, another process is solving these rules, or a file is damaged.
    """
    path = table_path(rules, VALUES)
    code = rules_code(rules)
    try:
        make_folder(path.parent)
        lock = FileLock(path.with_name(f"{rules}.lock")).acquire(timeout=0)
    except Timeout:
        raise TableError(f"another process is solving the {rules} rules") from None
    except (OSError, NotImplementedError) as error:  # the latter where the file system knows no locks
        raise TableError(f"cannot keep a solution in {path.parent}: {error}") from error
    with lock:
        sweeper = Sweeper(build_index(code), code, report)
        if not path.exists():
            part = open_part(path, table_bytes(rules, VALUES))
            _solve_values(sweeper, part)
            finish_table(path, part, _verify(sweeper, part, np.empty(0, np.uint8), part_path(path)))
        values = open_table(path, recheck=True)
        if not distance:
            return read_header(path)
        source, path = path, table_path(rules, DISTANCES)
        if not path.exists():
            distances = open_part(path, table_bytes(rules, DISTANCES))
            _solve_distances(sweeper, values, distances)
            finish_table(path, distances, _verify(sweeper, values, distances, part_path(path), source))
        open_table(path, recheck=True)
        return read_header(path)
