"""The kernels of a search on a device: what `Search` does with loops over games, with one thread for each game.

The rules, the trees and the root policies have one source: the kernels call the functions that the loops on the host
call. Row g of every array belongs to game g, whether its leaf waits for an evaluation or not. All shapes are fixed,
so that a CUDA graph can hold a whole search.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.kernels.jit import inlined
from pylos.search.cuda.device import THREADS, kernel
from pylos.search.gumbel import CONSIDERED, choose_root_edge, gumbel_noise, improve_root
from pylos.search.history import History
from pylos.search.root import add_noise, measure_surprise, read_root
from pylos.search.simulation import descend, expand_leaf
from pylos.search.tree import NO_EDGE, NO_NODE, ROOT, UNPROVEN, Tree, start_tree

NO_POSITION = -1
"""In the place of a position: there is nothing to search in the row."""
IDLE, SEARCHING, NO_ROOM, NOT_FINITE = 0, 1, 2, 3
"""The states of a row. A tree whose edges might not fit, or whose leaf was not judged by numbers, grows no further."""

_STRIDE = OBSERVATION_SIZE + 1
"""The distance of rows in shared memory: odd, so that threads that write the same number use different banks."""


class Rows(NamedTuple):
    """What a search has beside its trees: G rows, S simulations, K as in `SearchResult`. As tensors, or as arrays."""

    positions: Any
    """int64 [G] the positions to search, or NO_POSITION."""
    keys: Any
    """int64 [G] random keys of the noise."""
    earlier: Any
    """int64 [G, H] see `History`. The same ply of all games lies side by side, as neighbouring threads read it."""
    counts: Any
    """int64 [G] see `History`."""
    state: Any
    """int8 [G] IDLE, SEARCHING, NO_ROOM or NOT_FINITE."""
    simulation: Any
    """int64 [1] the number of the next simulation."""
    considered: Any
    """int32 [CONSIDERED + 1, S] see `considered_visits`."""
    noise: Any
    """float64 [G, MAX_LEGAL_ACTIONS] see `draw_gumbel`."""
    observations: Any
    """float32 [>= G, 184] of the leaves."""
    leaf_values: Any
    """float32 [>= G] what the network says about them."""
    log_policy: Any
    """float32 [>= G, 303] what the network says about them."""
    actions: Any
    """int16 [G, K] see `SearchResult`, as all that follows."""
    weights: Any
    """int16 [G, K]."""
    values: Any
    """float32 [G]."""
    surprises: Any
    """float32 [G]."""


@kernel
def draw_noise(rows: Rows, scale: float) -> None:
    """Draws Gumbel noise: one thread for each number."""
    i = cuda.grid(1)
    g, k = i // MAX_LEGAL_ACTIONS, i % MAX_LEGAL_ACTIONS
    if g < rows.noise.shape[0]:
        rows.noise[g, k] = gumbel_noise(rows.keys[g], k, scale)


@kernel
def plant(tree: Tree, rows: Rows, code: int) -> None:
    """Starts new trees."""
    g = cuda.grid(1)
    if g == 0:
        rows.simulation[0] = -1  # the first `expand` is that of the roots
    if g < rows.positions.shape[0]:
        rows.state[g] = IDLE
        if rows.positions[g] != NO_POSITION:
            rows.state[g] = SEARCHING
            start_tree(tree, g, rows.positions[g], code)


@kernel
def observe_leaves(tree: Tree, rows: Rows, code: int) -> None:
    """Writes the observations of the leaves.

    A thread would write its row number by number, each far from what its neighbours write. So the block collects its
    rows in shared memory, and writes row after row with all its threads side by side.
    """
    block = cuda.shared.array((THREADS, _STRIDE), np.float32)
    lane, g = cuda.threadIdx.x, cuda.grid(1)
    if g < rows.state.shape[0] and rows.state[g] == SEARCHING and tree.leaf[g] != NO_NODE:
        observe(tree.position[g, tree.leaf[g]], code, block[lane])
    cuda.syncthreads()
    for row in range(THREADS):
        of = g - lane + row
        if of < rows.state.shape[0] and rows.state[of] == SEARCHING and tree.leaf[of] != NO_NODE:
            for i in range(lane, OBSERVATION_SIZE, THREADS):
                rows.observations[of, i] = block[row, i]


@kernel
def select(
    tree: Tree,
    rows: Rows,
    history: History,
    code: int,
    gumbel: bool,
    c_puct: float,
    fpu_reduction: float,
    draw_value: float,
) -> None:
    """Descends every tree to a new leaf, or to a draw."""
    g = cuda.grid(1)
    if g < rows.state.shape[0] and rows.state[g] == SEARCHING:
        edge = np.int64(NO_EDGE)
        if gumbel and tree.proven[g, ROOT] == UNPROVEN:
            logits = cuda.local.array(MAX_LEGAL_ACTIONS, np.float64)
            q_values = cuda.local.array(MAX_LEGAL_ACTIONS, np.float64)
            drawn = min(tree.num_edges[g, ROOT], CONSIDERED)
            visits = rows.considered[drawn, rows.simulation[0]]
            edge = np.int64(choose_root_edge(tree, g, rows.noise[g], visits, logits, q_values))
        descend(tree, g, code, c_puct, fpu_reduction, edge, history, draw_value)


@kernel
def expand(tree: Tree, rows: Rows, code: int) -> None:
    """Gives the leaves their edges and backs up their values, unless there is no room or no number."""
    g = cuda.grid(1)
    if g == 0:
        rows.simulation[0] += 1
    if g < rows.state.shape[0] and rows.state[g] == SEARCHING and tree.leaf[g] != NO_NODE:
        if tree.edge_count[g] + MAX_LEGAL_ACTIONS > tree.edge_action.shape[1]:
            rows.state[g] = NO_ROOM
        else:
            actions = cuda.local.array(MAX_LEGAL_ACTIONS, np.int64)
            scores = cuda.local.array(MAX_LEGAL_ACTIONS, np.float64)
            expand_leaf(tree, g, code, rows.leaf_values[g], rows.log_policy[g], actions, scores)
            if not _is_judged(tree, g, rows.leaf_values[g], rows.log_policy[g]):
                rows.state[g] = NOT_FINITE


@inlined
def _is_judged(tree: Tree, g: int, value: float, log_policy: np.ndarray) -> bool:
    """Whether the value of an expanded leaf and the log policies of its legal actions are finite numbers."""
    leaf, finite = tree.leaf[g], isfinite(value)
    first = tree.first_edge[g, leaf]
    for edge in range(first, first + tree.num_edges[g, leaf]):
        finite = finite and isfinite(log_policy[tree.edge_action[g, edge]])
    return finite


@kernel
def add_root_noise(tree: Tree, rows: Rows, alpha: float, fraction: float) -> None:
    """Mixes Dirichlet noise into the priors of the roots."""
    g = cuda.grid(1)
    if g < rows.state.shape[0] and rows.state[g] == SEARCHING:
        noise = cuda.local.array(MAX_LEGAL_ACTIONS, np.float64)
        add_noise(tree, g, rows.keys[g], alpha, fraction, noise)


@kernel
def conclude(tree: Tree, rows: Rows, gumbel: bool) -> None:
    """Reads the results of the searches."""
    g = cuda.grid(1)
    if g < rows.state.shape[0] and rows.state[g] == SEARCHING:
        rows.values[g] = read_root(tree, g, rows.actions[g], rows.weights[g])
        if gumbel and tree.proven[g, ROOT] == UNPROVEN:
            scores = cuda.local.array(MAX_LEGAL_ACTIONS, np.float64)
            q_values = cuda.local.array(MAX_LEGAL_ACTIONS, np.float64)
            rows.values[g] = improve_root(tree, g, rows.actions[g], rows.weights[g], scores, q_values)
        rows.surprises[g] = measure_surprise(tree, g, rows.actions[g], rows.weights[g])
