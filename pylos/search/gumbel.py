"""Gumbel root selection: the action with which each simulation begins, and the improved policy that results.

After Danihelka, Guez, Schrittwieser and Silver (2022), "Policy improvement by planning with Gumbel". A few actions
are drawn without replacement, and sequential halving (algorithm 2) divides the simulations among them. The improved
policy, which is the target of training, is the prior reweighted by the q-values that the search found. Actions
that were not tried get an average of what is known (section 4 and appendix D). Unlike a policy of visit counts, this
one is an improvement even after a handful of simulations.

The q-value of an action is what it is worth to the player who takes it.
"""

from __future__ import annotations

from math import log

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.kernels.jit import inlined, jit
from pylos.kernels.randomness import draw_uniform
from pylos.search.softmax import exponentials
from pylos.search.tree import NO_EDGE, PROVEN_LOSS, ROOT, UNPROVEN, Tree

CONSIDERED = 16
"""Actions drawn at the root (the paper's m)."""
WEIGHT = 10_000
"""The sum of the weights of an improved policy, apart from rounding."""
_VISITS, _SCALE = 50.0, 0.5
"""The paper's c_visit and c_scale (section 4). Its c_scale of 1 is for values from 0 to 1, ours are from -1 to 1."""


def considered_visits(simulations: int) -> np.ndarray:
    """The plan of sequential halving: each simulation takes an action that has so far had this number of visits.

    Args:
        simulations: simulations per decision.

    Returns:
        int32 [CONSIDERED + 1, simulations] a row for each number of drawn actions.
    """
    table = np.zeros((CONSIDERED + 1, simulations), np.int32)
    for drawn in range(1, CONSIDERED + 1):
        halving_plan(drawn, table[drawn])
    return table


@jit
def halving_plan(drawn: int, plan: np.ndarray) -> None:
    """Writes the row of `considered_visits` for a number of drawn actions, from 1 to CONSIDERED, to `plan`."""
    simulations, rounds = plan.shape[0], 1
    while 1 << rounds < drawn:
        rounds += 1
    left, visits, made = drawn, 0, 0
    while made < simulations:
        for _ in range(max(1, simulations // (rounds * left))):
            for _ in range(min(left, simulations - made)):
                plan[made] = visits
                made += 1
            visits += 1
        left = max(min(2, drawn), left // 2)


@inlined
def gumbel_noise(key: int, k: int, scale: float) -> float:
    """The noise of action k of the root whose random key is `key`, see `draw_gumbel`."""
    return -scale * log(-log(draw_uniform(key, k)))


@jit
def draw_gumbel(keys: np.ndarray, scale: float, out: np.ndarray) -> None:
    """Draws Gumbel noise for the actions of the roots.

    Args:
        keys: int64 [n] random keys; a row of noise depends on its key alone.
        scale: scale of the noise.
        out: float64 [n, MAX_LEGAL_ACTIONS] receives the noise.
    """
    for g in range(keys.shape[0]):
        for k in range(out.shape[1]):
            out[g, k] = gumbel_noise(keys[g], k, scale)


@inlined
def _improved_logits(tree: Tree, g: int, logits: np.ndarray, q_values: np.ndarray) -> int:
    """Computes the improved policy of a root and the q-values that it rests on.

    Args:
        tree: the trees.
        g: which of them.
        logits: float64 [MAX_LEGAL_ACTIONS] receives the improved log policy, up to a constant.
        q_values: float64 [MAX_LEGAL_ACTIONS] receives the actions' q-values.

    Returns:
        The number of actions.
    """
    first: int = tree.first_edge[g, ROOT]
    n: int = tree.num_edges[g, ROOT]
    # The root's sum holds the network's value of the root itself, and what came along its edges.
    own_value = np.float64(tree.value_sum[g, ROOT])
    visits, most, mass, weighted = 0, 0, 0.0, 0.0
    for edge in range(first, first + n):
        count = tree.edge_visits[g, edge]
        if count:
            own_value -= tree.edge_value_sum[g, edge]
            visits += count
            most = max(most, count)
            mass += tree.edge_prior[g, edge]
            weighted += tree.edge_prior[g, edge] * _q_value(tree, g, edge)
    average = (own_value + visits * weighted / mass) / (1 + visits) if visits else own_value
    for k in range(n):
        edge = first + k
        known = tree.edge_visits[g, edge] > 0 or tree.edge_proven[g, edge] != UNPROVEN
        q_values[k] = _q_value(tree, g, edge) if known else average
        prior = max(np.float64(tree.edge_prior[g, edge]), 1e-30)
        logits[k] = log(prior) + (_VISITS + most) * _SCALE * q_values[k]
    return n


@inlined
def _q_value(tree: Tree, g: int, edge: int) -> float:
    """The q-value of a visited or proven edge."""
    if tree.edge_proven[g, edge] != UNPROVEN:
        return float(tree.edge_proven[g, edge])
    return float(tree.edge_value_sum[g, edge] / tree.edge_visits[g, edge])


@inlined
def choose_root_edge(
    tree: Tree, g: int, noise: np.ndarray, visits: int, logits: np.ndarray, q_values: np.ndarray
) -> int:
    """Chooses the edge that the next simulation takes at one root, see `choose_root_edges`.

    Args:
        tree: the trees.
        g: which of them; its root is expanded, and not proven.
        noise: float64 [MAX_LEGAL_ACTIONS] of the actions.
        visits: how many visits the edge has so far by the plan.
        logits: float64 [MAX_LEGAL_ACTIONS] scratch space.
        q_values: float64 [MAX_LEGAL_ACTIONS] scratch space.

    Returns:
        The edge.
    """
    edges, first = _improved_logits(tree, g, logits, q_values), tree.first_edge[g, ROOT]
    best, best_fits, best_score = NO_EDGE, False, -np.inf
    for k in range(edges):
        edge = first + k
        if tree.edge_proven[g, edge] == PROVEN_LOSS:
            continue
        # An action that is proven lost leaves a gap in the plan. The best of the others fills it.
        fits = tree.edge_visits[g, edge] == visits
        score = logits[k] + noise[k]
        if best == NO_EDGE or fits > best_fits or (fits == best_fits and score > best_score):
            best, best_fits, best_score = edge, fits, score
    return best


@jit
def choose_root_edges(tree: Tree, n: int, noise: np.ndarray, wanted: np.ndarray, out: np.ndarray) -> None:
    """Chooses for each root the edge that the next simulation takes.

    Args:
        tree: the trees; the roots at which there is something to choose are expanded.
        n: trees in use.
        noise: float64 [>= n, MAX_LEGAL_ACTIONS] see `draw_gumbel`.
        wanted: int32 [>= n] how many visits the edge has so far by the plan, see `considered_visits`; negative where
            there is nothing to choose.
        out: int32 [>= n] receives the edges; NO_EDGE where the root is proven. Where there is nothing to choose, it
            stays as it is.
    """
    logits, q_values = np.empty(MAX_LEGAL_ACTIONS), np.empty(MAX_LEGAL_ACTIONS)
    for g in range(n):
        if wanted[g] >= 0:
            out[g] = NO_EDGE
            if tree.proven[g, ROOT] == UNPROVEN:
                out[g] = choose_root_edge(tree, g, noise[g], wanted[g], logits, q_values)


@inlined
def improve_root(
    tree: Tree,
    g: int,
    actions: np.ndarray,
    weights: np.ndarray,
    scores: np.ndarray,
    q_values: np.ndarray,
) -> float:
    """Reads the improved policy of a root that is not proven.

    Args:
        tree: the trees.
        g: which of them.
        actions: int16 [MAX_LEGAL_ACTIONS] receives the actions with a weight, ascending.
        weights: int16 [MAX_LEGAL_ACTIONS] receives their probabilities times WEIGHT, rounded; 0 behind the last.
        scores: float64 [MAX_LEGAL_ACTIONS] scratch space.
        q_values: float64 [MAX_LEGAL_ACTIONS] scratch space.

    Returns:
        The value of that policy. Unlike the mean over all visits it is not lowered by bad actions that were only tried.
    """
    edges, first = _improved_logits(tree, g, scores, q_values), tree.first_edge[g, ROOT]
    for k in range(edges):
        if tree.edge_proven[g, first + k] == PROVEN_LOSS:
            scores[k] = -np.inf
    total = exponentials(scores, edges)
    kept, value = 0, 0.0
    for k in range(edges):
        value += scores[k] / total * q_values[k]
        weight = round(WEIGHT * scores[k] / total)
        if weight > 0:
            actions[kept] = tree.edge_action[g, first + k]
            weights[kept] = np.int16(weight)
            kept += 1
    for rest in range(kept, actions.shape[0]):
        actions[rest] = 0
        weights[rest] = 0
    return value


@jit
def improved_policy(tree: Tree, n: int, actions: np.ndarray, weights: np.ndarray, values: np.ndarray) -> None:
    """Puts improved policies and their values in the place of what `root_visits` wrote; proven roots stay as they are.

    Args:
        tree: the trees.
        n: trees in use.
        actions: int16 [n, MAX_LEGAL_ACTIONS] receives the actions, see `improve_root`.
        weights: int16 [n, MAX_LEGAL_ACTIONS] receives their weights.
        values: float32 [n] receives the values of the policies.
    """
    scores, q_values = np.empty(MAX_LEGAL_ACTIONS), np.empty(MAX_LEGAL_ACTIONS)
    for g in range(n):
        if tree.proven[g, ROOT] == UNPROVEN:
            values[g] = improve_root(tree, g, actions[g], weights[g], scores, q_values)
