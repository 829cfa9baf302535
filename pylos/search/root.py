"""What is special about the root of a search: the noise on its prior, its result, and the choice of an action."""

from __future__ import annotations

from math import log

import numpy as np

from pylos.errors import NonFiniteNetworkError
from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.kernels.jit import inlined, jit
from pylos.kernels.randomness import draw_below, draw_gamma
from pylos.search.tree import NO_EDGE, PROVEN_LOSS, PROVEN_WIN, ROOT, UNPROVEN, Tree

NO_ACTION = -1


@inlined
def add_noise(tree: Tree, g: int, key: int, alpha: float, fraction: float, noise: np.ndarray) -> None:
    """Mixes Dirichlet noise into the priors of one root, see `add_dirichlet_noise`.

    Args:
        tree: the trees.
        g: which of them; its root is expanded.
        key: random key.
        alpha: concentration of the noise.
        fraction: weight of the noise.
        noise: float64 [MAX_LEGAL_ACTIONS] scratch space.
    """
    total = 0.0
    counter = 0
    for i in range(tree.num_edges[g, ROOT]):
        noise[i], counter = draw_gamma(key, counter, alpha)
        total += noise[i]
    if total > 0.0:
        for i in range(tree.num_edges[g, ROOT]):
            edge = tree.first_edge[g, ROOT] + i
            tree.edge_prior[g, edge] *= 1.0 - fraction
            tree.edge_prior[g, edge] += fraction * noise[i] / total


@jit
def add_dirichlet_noise(tree: Tree, n: int, keys: np.ndarray, alpha: float, fraction: float) -> None:
    """Mixes Dirichlet noise into the priors of the roots (Silver et al., 2017, section "Methods: Search").

    Args:
        tree: the trees, their roots expanded.
        n: trees in use.
        keys: int64 [n] random keys; a tree's noise depends on its key alone.
        alpha: concentration of the noise.
        fraction: weight of the noise.
    """
    noise = np.empty(MAX_LEGAL_ACTIONS)
    for g in range(n):
        add_noise(tree, g, keys[g], alpha, fraction, noise)


@inlined
def read_root(tree: Tree, g: int, actions: np.ndarray, visits: np.ndarray) -> float:
    """Reads the result of a search from one root.

    Where the root is won, only actions that are proven to win have a visit, one each. Elsewhere proven losses lose
    their visits, unless all actions are lost.

    Args:
        tree: the trees.
        g: which of them.
        actions: int16 [K] receives the visited actions, ascending; K must be enough for all of them.
        visits: int16 [K] receives their visits; 0 behind the last one.

    Returns:
        The root's value for its mover, exact where it is proven.
    """
    k = 0
    root_proof = tree.proven[g, ROOT]
    first = tree.first_edge[g, ROOT]
    likeliest = NO_EDGE
    for edge in range(first, first + tree.num_edges[g, ROOT]):
        count = tree.edge_visits[g, edge]
        if root_proof == PROVEN_WIN:
            count = 1 if tree.edge_proven[g, edge] == PROVEN_WIN else 0
        elif root_proof == UNPROVEN and tree.edge_proven[g, edge] == PROVEN_LOSS:
            continue
        elif likeliest == NO_EDGE or tree.edge_prior[g, edge] > tree.edge_prior[g, likeliest]:
            likeliest = edge
        if count and k < actions.shape[0]:
            actions[k] = tree.edge_action[g, edge]
            visits[k] = count
            k += 1
    if k == 0 and likeliest != NO_EDGE:  # all visited actions turned out to be lost
        actions[0] = tree.edge_action[g, likeliest]
        visits[0] = 1
        k = 1
    for rest in range(k, actions.shape[0]):
        actions[rest] = 0
        visits[rest] = 0
    return float(root_proof) if root_proof else float(tree.value_sum[g, ROOT] / tree.visits[g, ROOT])


@jit
def root_visits(tree: Tree, n: int, actions: np.ndarray, visits: np.ndarray, values: np.ndarray) -> None:
    """Reads the results of all roots, see `read_root`.

    Args:
        tree: the trees.
        n: trees in use.
        actions: int16 [n, K] receives the visited actions.
        visits: int16 [n, K] receives their visits.
        values: float32 [n] receives the values of the roots.
    """
    for g in range(n):
        values[g] = read_root(tree, g, actions[g], visits[g])


@inlined
def measure_surprise(tree: Tree, g: int, actions: np.ndarray, weights: np.ndarray) -> float:
    """Measures how far the result of one search is from the root's prior, see `measure_surprises`.

    Args:
        tree: the trees.
        g: which of them.
        actions: int16 [K] the actions with a weight.
        weights: int16 [K] their weights.
    """
    total = 0.0
    for k in range(actions.shape[0]):
        total += weights[k]
    edge, divergence = np.int64(tree.first_edge[g, ROOT]), 0.0
    for k in range(actions.shape[0]):
        if not weights[k]:
            break
        while tree.edge_action[g, edge] != actions[k]:
            edge += 1
        share = weights[k] / total
        divergence += share * log(share / max(np.float64(tree.edge_prior[g, edge]), 1e-6))
    return max(divergence, 0.0)


@jit
def measure_surprises(tree: Tree, n: int, actions: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Measures how far the result of a search is from the root's prior: their Kullback-Leibler divergence, in nats.

    Args:
        tree: the trees.
        n: trees in use.
        actions: int16 [n, K] the actions with a weight, ascending, as in `SearchResult`.
        weights: int16 [n, K] their weights.
        out: float32 [n] receives the divergences, at least 0.
    """
    for g in range(n):
        out[g] = measure_surprise(tree, g, actions[g], weights[g])


def pick_actions(
    actions: np.ndarray, weights: np.ndarray, keys: np.ndarray, greedy: np.ndarray
) -> np.ndarray:
    """Chooses an action per row: one of the greatest weight, or one in proportion to its weight (temperature 1).

    Args:
        actions: int16 [n, K] as in `SearchResult`.
        weights: int16 [n, K] as in `SearchResult`.
        keys: int64 [n] random keys of the draws. Chance also decides between several actions of the greatest weight.
        greedy: bool [n] whether to choose by the greatest weight.

    Returns:
        int64 [n] the actions.

    Raises:
        NonFiniteNetworkError: no action of a row has a weight.
    """
    chosen = np.empty(len(actions), np.int64)
    _pick_all(actions, weights, keys, greedy, chosen)
    if (chosen == NO_ACTION).any():
        raise NonFiniteNetworkError.nothing_to_play()
    return chosen


@jit
def _pick_all(
    actions: np.ndarray, weights: np.ndarray, keys: np.ndarray, greedy: np.ndarray, out: np.ndarray
) -> None:
    """Writes the actions to `out` [n], see `pick_action`."""
    for g in range(actions.shape[0]):
        out[g] = pick_action(actions[g], weights[g], keys[g], greedy[g])


@jit
def pick_action(actions: np.ndarray, weights: np.ndarray, key: int, greedy: bool) -> int:
    """Chooses an action of one row, see `pick_actions`; NO_ACTION if none has a weight."""
    count, total, top = 0, 0, 0
    while count < weights.shape[0] and weights[count] > 0:  # behind the last one there are none
        weight = int(weights[count])
        total += weight
        top = max(top, weight)
        count += 1
    if greedy:
        total = 0
        for k in range(count):
            total += int(weights[k] == top)
    rest = draw_below(key, 0, total)
    for k in range(count):
        rest -= int(weights[k] == top) if greedy else int(weights[k])
        if rest < 0:
            return int(actions[k])
    return NO_ACTION
