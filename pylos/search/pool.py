"""Searches at different stages in one set of trees: each has its own position, budget and root policy.

`Search` runs searches that begin and end together. Where people and programs ask one by one, each search is a row of a
`SearchPool`: it begins when there is a free row, and all rows make one step at a time together. So their leaves still
go to the evaluator in one batch, and a row finds what `Search` finds for the same position, to the last bit.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import mmap

import numpy as np
import numpy.typing as npt

from pylos.game.rules import MAX_LEGAL_ACTIONS, legal_actions
from pylos.kernels.jit import jit
from pylos.search.findings import Findings, read_findings
from pylos.search.gumbel import CONSIDERED, choose_root_edges, halving_plan
from pylos.search.options import SearchOptions
from pylos.search.simulation import expand, select
from pylos.search.tree import NO_EDGE, NO_NODE, ROOT, STAYS, UNPROVEN, Tree, new_tree, start_tree

SMALL = 64
"""The simulations up to which trees are small."""


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
        self._free, self._taken = list(range(rows)), np.zeros(rows, np.bool_)
        self._used = 0  # all rows in use are below it
        self._gumbel = np.zeros(rows, np.bool_)
        self._most, self._plan = simulations, _zeros((rows, max(1, simulations)), np.int32)
        self._asked = np.zeros(rows, np.int32)
        self._made = np.zeros(rows, np.int32)
        self._wanted = np.empty(rows, np.int32)
        self._edges = np.empty(rows, np.int32)
        self._noise = np.zeros((rows, MAX_LEGAL_ACTIONS))
        self._actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)

    @property
    def rows(self) -> int:
        """The most searches at the same time."""
        return len(self._made)

    @property
    def free_rows(self) -> int:
        """How many more searches there is room for."""
        return len(self._free)

    def add(self, position: int, simulations: int, root: str) -> int:
        """Begins a search.

        Args:
            position: packed. If its game is over, the search is finished at once, and lost.
            simulations: how many to make, at most those of the pool; with 0 only the position itself is evaluated.
            root: "gumbel", which divides the simulations by the plan of this number of them, or "puct".

        Returns:
            The row of the search.

        Raises:
            ValueError: there are more simulations than the pool has.
            IndexError: all rows are in use.
        """
        if simulations > self._most:
            raise ValueError(f"there is room for {self._most} simulations, not for {simulations}")
        row = heapq.heappop(self._free)  # the first, as a step looks at all rows up to the last in use
        self._taken[row], self._used = True, max(self._used, row + 1)
        self._gumbel[row] = root == "gumbel"
        if drawn := min(legal_actions(position, self._code, self._actions), CONSIDERED):
            self._plan[row, :simulations] = halving_plan(drawn, simulations)
        self._asked[row], self._made[row] = simulations, 0
        start_tree(self._tree, row, position, self._code)
        return row

    def remove(self, row: int) -> None:
        """Ends a search, whether or not it is finished. Its row is free again."""
        self._asked[row] = self._made[row] = 0
        self._tree.leaf[row] = NO_NODE
        heapq.heappush(self._free, row)
        self._taken[row] = False
        while self._used and not self._taken[self._used - 1]:
            self._used -= 1

    def select(self, leaves: np.ndarray) -> int:
        """Lets every search that is not finished choose its next leaf.

        Args:
            leaves: int64 [>= rows] receives the positions of the leaves, without gaps.

        Returns:
            The number of leaves.
        """
        n, tree, edges = self._used, self._tree, self._edges
        _plan_step(tree, n, self._gumbel, self._plan, self._asked, self._made, self._wanted, edges)
        choose_root_edges(tree, n, self._noise, self._wanted, edges)
        count: int = select(tree, n, self._code, self._c_puct, self._fpu_reduction, edges, leaves)
        return count

    def expand(self, values: np.ndarray, log_policy: np.ndarray) -> None:
        """Adds the leaves of the last `select` to the trees.

        Args:
            values: float32 [>= leaves] what they are worth for their movers.
            log_policy: float32 [>= leaves, 303] their log policies.
        """
        expand(self._tree, self._used, self._code, values, log_policy)

    def simulations(self, rows: list[int]) -> list[int]:
        """How many simulations the searches in these rows have made."""
        made: list[int] = self._made[rows].tolist()
        return made

    def finished(self) -> list[int]:
        """The rows whose search has made its simulations, or has proven its position won or lost; ascending."""
        rows = np.empty(self._used, np.int64)
        count = _finished(self._tree, self._taken, self._asked, self._made, rows)
        finished: list[int] = rows[:count].tolist()
        return finished

    def findings(self, rows: list[int], most: int) -> Findings:
        """What the evaluated searches in these rows have found so far.

        Args:
            rows: of the searches.
            most: the most actions of a line.
        """
        return read_findings(self._tree, self._code, np.array(rows, np.int64), self._gumbel, most)


def _zeros(shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Zeros in the smallest pages. Those of NumPy may be of 2 MB, and then even the smallest tree touches many."""
    kind = np.dtype(dtype)
    pages = mmap.mmap(-1, math.prod(np.atleast_1d(shape).tolist()) * kind.itemsize)
    with contextlib.suppress(AttributeError, OSError):  # not every system has huge pages
        pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, kind).reshape(shape)


@jit
def _finished(tree: Tree, taken: np.ndarray, asked: np.ndarray, made: np.ndarray, rows: np.ndarray) -> int:
    """Writes the rows that are finished to `rows` [n], of the first n; returns how many they are."""
    count = 0
    for g in range(rows.shape[0]):
        evaluated, proven = tree.num_edges[g, ROOT] > 0, tree.proven[g, ROOT] != UNPROVEN
        if taken[g] and (proven or (evaluated and made[g] == asked[g])):
            rows[count] = g
            count += 1
    return count


@jit
def _plan_step(
    tree: Tree,
    n: int,
    gumbel: np.ndarray,
    plan: np.ndarray,
    asked: np.ndarray,
    made: np.ndarray,
    wanted: np.ndarray,
    edges: np.ndarray,
) -> None:
    """Decides what each row does in the next step, and counts its simulations.

    Args:
        tree: the trees.
        n: rows that may be in use.
        gumbel: bool [n] whether the root of a row is "gumbel".
        plan: int32 [n, S] of sequential halving, see `halving_plan`.
        asked: int32 [n] how many simulations each row is to make.
        made: int32 [n] how many it has made; goes up where it makes another one.
        wanted: int32 [n] receives what `choose_root_edges` reads.
        edges: int32 [n] receives what `select` reads, apart from the edges that `choose_root_edges` chooses.
    """
    for g in range(n):
        wanted[g], edges[g] = -1, STAYS
        if tree.num_edges[g, ROOT] == 0:  # a new root is the leaf already
            continue
        tree.leaf[g] = NO_NODE
        if made[g] == asked[g] or tree.proven[g, ROOT] != UNPROVEN:
            continue
        edges[g] = NO_EDGE
        if gumbel[g]:
            wanted[g] = plan[g, made[g]]
        made[g] += 1
