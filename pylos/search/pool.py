"""Searches at different stages in one set of trees: each has its own position, budget and root policy.

`Search` runs searches that begin and end together. Where people and programs ask one by one, each search is a row of a
`SearchPool`: it begins when there is a free row, and all rows make one step at a time together. So their leaves still
go to the evaluator in one batch, and a row finds what `Search` finds for the same position, to the last bit.
"""

from __future__ import annotations

import contextlib
import math
import mmap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pylos.game.rules import MAX_LEGAL_ACTIONS, legal_actions
from pylos.kernels.jit import jit
from pylos.search.findings import Findings, read_findings
from pylos.search.gumbel import CONSIDERED, choose_root_edges, halving_plan
from pylos.search.history import History, no_history
from pylos.search.options import SearchOptions
from pylos.search.simulation import expand, select
from pylos.search.tree import NO_EDGE, NO_NODE, ROOT, STAYS, UNPROVEN, Tree, new_tree, start_tree

SMALL = 64
"""The simulations up to which trees are small."""


class _Rows(NamedTuple):
    """What is known about each row beside its tree: G rows, each with room for S simulations."""

    taken: np.ndarray
    """bool [G] whether it is in use."""
    gumbel: np.ndarray
    """bool [G] whether its root is "gumbel"."""
    plan: np.ndarray
    """int32 [G, S] of sequential halving, see `considered_visits`."""
    asked: np.ndarray
    """int32 [G] how many simulations it is to make."""
    made: np.ndarray
    """int32 [G] how many it has made."""
    wanted: np.ndarray
    """int32 [G] what `choose_root_edges` reads."""
    edges: np.ndarray
    """int32 [G] what `select` reads."""
    noise: np.ndarray
    """float64 [G, MAX_LEGAL_ACTIONS] none: zeros."""


class SearchPool:
    """Searches without noise, each in a row of its own. They are stepped together, and one thread at a time does it.

    A step is a call of `select`, an evaluation of the leaves that it writes, and a call of `expand`. Between steps,
    rows may be added, read and removed. The root of a new row is a leaf of the next step.

    The memory is virtual: a row takes what its tree has grown to since the pool was made, and keeps it. Where there are
    at most SMALL simulations, trees lie so close that a system that has huge pages takes all of it at once, which is
    faster: 130 kB a row.

    Args:
        code: the rule set's number.
        rows: the most searches at the same time.
        simulations: the most simulations of one of them.
        c_puct: see `SearchOptions`.
        fpu_reduction: see `SearchOptions`.
    """

    def __init__(
        self,
        code: int,
        rows: int,
        simulations: int,
        c_puct: float = SearchOptions.c_puct,
        fpu_reduction: float = SearchOptions.fpu_reduction,
    ) -> None:
        self._code, self._c_puct, self._fpu_reduction = code, c_puct, fpu_reduction
        self._tree = new_tree(rows, simulations, np.zeros if simulations <= SMALL else _zeros)
        self._tree.leaf[:] = NO_NODE
        self._most = simulations
        self._used = 0  # all rows in use are below it
        self._rows = _Rows(
            taken=np.zeros(rows, np.bool_),
            gumbel=np.zeros(rows, np.bool_),
            plan=_zeros((rows, max(1, simulations)), np.int32),
            asked=np.zeros(rows, np.int32),
            made=np.zeros(rows, np.int32),
            wanted=np.empty(rows, np.int32),
            edges=np.empty(rows, np.int32),
            noise=np.zeros((rows, MAX_LEGAL_ACTIONS)),
        )
        self._history = no_history(rows)

    @property
    def rows(self) -> int:
        """The most searches at the same time."""
        return len(self._rows.taken)

    @property
    def free_rows(self) -> int:
        """How many more searches there is room for."""
        return self.rows - int(np.count_nonzero(self._rows.taken))

    def add(
        self,
        positions: Sequence[int],
        simulations: Sequence[int],
        gumbel: Sequence[bool],
        earlier: Sequence[Sequence[int] | np.ndarray] | None = None,
    ) -> list[int]:
        """Begins searches.

        Args:
            positions: packed. If a game is over, its search is finished at once, and lost.
            simulations: how many each is to make, at most those of the pool; with 0 only the position itself is
                evaluated.
            gumbel: whether the root of each is "gumbel", which divides the simulations by the plan of this number of
                them. Else it is "puct".
            earlier: the packed positions that came before in each game, if they are known.

        Returns:
            The rows of the searches: the first that are free, as a step looks at all rows up to the last in use.

        Raises:
            ValueError: there are more simulations than the pool has.
            IndexError: there are not as many free rows.
        """
        if (most := max(simulations)) > self._most:
            raise ValueError(f"there is room for {self._most} simulations, not for {most}")
        if len(positions) > self.free_rows:
            raise IndexError(f"{self.free_rows} rows are free, not {len(positions)}")
        added = np.empty(len(positions), np.int64)
        roots, asked = np.array(positions, np.int64), np.array(simulations, np.int32)
        _add(self._tree, self._code, self._rows, roots, asked, np.array(gumbel, np.bool_), added)
        rows: list[int] = added.tolist()
        self._used = max(self._used, rows[-1] + 1)
        self._remember(rows, earlier or [()] * len(rows))
        return rows

    def _remember(self, rows: list[int], earlier: Sequence[Sequence[int] | np.ndarray]) -> None:
        """Keeps the earlier positions of the games of new rows."""
        known, counts = self._history.positions, [len(positions) for positions in earlier]
        if (most := max(counts)) > known.shape[1]:
            grown = np.zeros((len(known), 2 * most), np.int64)
            grown[:, : known.shape[1]] = known
            self._history = History(grown, self._history.counts)
        self._history.counts[rows] = counts
        for row, positions in zip(rows, earlier, strict=True):
            if len(positions):
                self._history.positions[row, : len(positions)] = positions

    def remove(self, rows: list[int]) -> None:
        """Ends searches, whether or not they are finished. Their rows are free again."""
        self._rows.asked[rows] = self._rows.made[rows] = 0
        self._rows.taken[rows] = False
        self._tree.leaf[rows] = NO_NODE
        used = np.flatnonzero(self._rows.taken)
        self._used = int(used[-1]) + 1 if len(used) else 0

    def select(self, leaves: np.ndarray) -> int:
        """Lets every search that is not finished choose its next leaf.

        Args:
            leaves: int64 [>= rows] receives the positions of the leaves, without gaps.

        Returns:
            The number of leaves.
        """
        how = self._c_puct, self._fpu_reduction
        count: int = _select(self._tree, self._used, self._code, *how, self._rows, self._history, leaves)
        return count

    def expand(self, values: np.ndarray, log_policy: np.ndarray) -> None:
        """Adds the leaves of the last `select` to the trees.

        Args:
            values: float32 [>= leaves] what they are worth for their movers.
            log_policy: float32 [>= leaves, 303] their log policies.
        """
        expand(self._tree, self._used, self._code, values, log_policy)

    def simulations(self, rows: list[int]) -> np.ndarray:
        """int32 [n] how many simulations the searches in these rows have made."""
        return self._rows.made[rows]

    def finished(self) -> list[int]:
        """The rows whose search has made its simulations, or has proven its position won or lost; ascending."""
        rows = np.empty(self._used, np.int64)
        # Only what it reads: to hand over all arrays takes several times as long as the kernel.
        tree, known = self._tree, self._rows
        count = _finished(tree.num_edges, tree.proven, known.taken, known.asked, known.made, rows)
        finished: list[int] = rows[:count].tolist()
        return finished

    def findings(self, rows: list[int], most: int) -> Findings:
        """What the evaluated searches in these rows have found so far.

        Args:
            rows: of the searches.
            most: the most actions of a line.
        """
        return read_findings(self._tree, self._code, np.array(rows, np.int64), self._rows.gumbel, most)


def _zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Zeros in the smallest pages. Those of NumPy may be of 2 MB, and then even the smallest tree touches many."""
    kind = np.dtype(dtype)
    pages = mmap.mmap(-1, math.prod(np.atleast_1d(shape).tolist()) * kind.itemsize)
    with contextlib.suppress(AttributeError, OSError):  # not every system has huge pages
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, kind).reshape(shape)


@jit
def _add(
    tree: Tree,
    code: int,
    rows: _Rows,
    positions: np.ndarray,
    simulations: np.ndarray,
    gumbel: np.ndarray,
    added: np.ndarray,
) -> None:
    """Begins searches in the first free rows, which it writes to `added` [n]."""
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    g = 0
    for i in range(positions.shape[0]):
        while rows.taken[g]:
            g += 1
        added[i], rows.taken[g] = g, True
        rows.gumbel[g], rows.asked[g], rows.made[g] = gumbel[i], simulations[i], 0
        drawn = min(legal_actions(positions[i], code, actions), CONSIDERED)
        if gumbel[i] and drawn:
            halving_plan(drawn, rows.plan[g, : simulations[i]])
        start_tree(tree, g, positions[i], code)


@jit
def _finished(
    num_edges: np.ndarray,
    proven: np.ndarray,
    taken: np.ndarray,
    asked: np.ndarray,
    made: np.ndarray,
    rows: np.ndarray,
) -> int:
    """Writes the rows that are finished to `rows` [n], of the first n; returns how many they are."""
    count = 0
    for g in range(rows.shape[0]):
        if taken[g] and (proven[g, ROOT] != UNPROVEN or (num_edges[g, ROOT] > 0 and made[g] == asked[g])):
            rows[count] = g
            count += 1
    return count


@jit
def _select(
    tree: Tree,
    n: int,
    code: int,
    c_puct: float,
    fpu_reduction: float,
    rows: _Rows,
    history: History,
    leaves: np.ndarray,
) -> int:
    """Lets each of the first `n` rows choose its next leaf, see `SearchPool.select`."""
    _plan_step(tree, n, rows)
    choose_root_edges(tree, n, rows.noise, rows.wanted, rows.edges)
    return int(select(tree, n, code, c_puct, fpu_reduction, rows.edges, history, 0.0, leaves))


@jit
def _plan_step(tree: Tree, n: int, rows: _Rows) -> None:
    """Decides what each of the first `n` rows does in the next step, and counts its simulations."""
    for g in range(n):
        rows.wanted[g], rows.edges[g] = -1, STAYS
        if tree.num_edges[g, ROOT] == 0:  # a new root is the leaf already
            continue
        tree.leaf[g] = NO_NODE
        if rows.made[g] == rows.asked[g] or tree.proven[g, ROOT] != UNPROVEN:
            continue
        rows.edges[g] = NO_EDGE
        if rows.gumbel[g]:
            rows.wanted[g] = rows.plan[g, rows.made[g]]
        rows.made[g] += 1
