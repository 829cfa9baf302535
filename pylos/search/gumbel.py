"""Gumbel root selection: which action a simulation begins with, and the improved policy that comes of it.

After Danihelka, Guez, Schrittwieser and Silver (2022), "Policy improvement by planning with Gumbel": a few actions
are drawn without replacement, the simulations are shared out by sequential halving (algorithm 2), and the training
target gives every action its prior, changed by what it was found to be worth; actions that were not tried count as
an average of what is known (section 4 and appendix D). Even a handful of simulations improves the policy that way,
which is not so for visit counts.
"""

from __future__ import annotations

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw_uniform
from pylos.search.softmax import exponentials
from pylos.search.tree import NO_EDGE, PROVEN_LOSS, ROOT, UNPROVEN, Tree

CONSIDERED = 16
"""Actions drawn at the root (the paper's m)."""
WEIGHT = 10_000
"""What the weights of an improved policy add up to, but for rounding."""
_VISITS, _SCALE = 50.0, 0.5
"""The paper's c_visit, and its c_scale of 1, for values between -1 and 1 instead of 0 and 1 (section 4)."""


def considered_visits(simulations: int) -> np.ndarray:
    """How many visits the action has that a simulation tries, by sequential halving.

    Returns:
        int32 [CONSIDERED + 1, simulations]: a row for each number of actions that are drawn.
    """
    table = np.zeros((CONSIDERED + 1, simulations), np.int32)
    for drawn in range(1, CONSIDERED + 1):
        rounds = max(1, (drawn - 1).bit_length())
        left, visits = drawn, 0
        order: list[int] = []
        while len(order) < simulations:
            for _ in range(max(1, simulations // (rounds * left))):
                order += [visits] * left
                visits += 1
            left = max(min(2, drawn), left // 2)
        table[drawn] = order[:simulations]
    return table


@jit
def draw_gumbel(keys: np.ndarray, scale: float, out: np.ndarray) -> None:
    """Draws Gumbel noise for the actions of the roots, ``out`` [n, MAX_LEGAL_ACTIONS]; a row depends on its key."""
    for g in range(keys.shape[0]):
        for k in range(out.shape[1]):
            out[g, k] = -scale * np.log(-np.log(draw_uniform(keys[g], k)))


@jit
def _scores(tree: Tree, g: int, out: np.ndarray, worths: np.ndarray) -> int:
    """Writes the improved log policy, up to a constant, of the root's actions, and what each is thought to be worth.

    Returns their number.
    """
    first: int = tree.first_edge[g, ROOT]
    n: int = tree.num_edges[g, ROOT]
    # All that the root was backed up, but for the network's own value, came along an edge.
    own_value = np.float64(tree.value_sum[g, ROOT])
    visits, most, mass, worth = 0, 0, 0.0, 0.0
    for edge in range(first, first + n):
        count = tree.edge_visits[g, edge]
        if count:
            own_value -= tree.edge_value_sum[g, edge]
            visits += count
            most = max(most, count)
            mass += tree.edge_prior[g, edge]
            worth += tree.edge_prior[g, edge] * _worth(tree, g, edge)
    average = (own_value + visits * worth / mass) / (1 + visits) if visits else own_value
    for k in range(n):
        edge = first + k
        known = tree.edge_visits[g, edge] > 0 or tree.edge_proven[g, edge] != UNPROVEN
        worths[k] = _worth(tree, g, edge) if known else average
        prior = max(np.float64(tree.edge_prior[g, edge]), 1e-30)
        out[k] = np.log(prior) + (_VISITS + most) * _SCALE * worths[k]
    return n


@jit
def _worth(tree: Tree, g: int, edge: int) -> float:
    """What is known of a visited or proven edge."""
    if tree.edge_proven[g, edge] != UNPROVEN:
        return float(tree.edge_proven[g, edge])
    return float(tree.edge_value_sum[g, edge] / tree.edge_visits[g, edge])


@jit
def choose_root_edges(
    tree: Tree, n: int, noise: np.ndarray, considered: np.ndarray, simulation: int, out: np.ndarray
) -> None:
    """Chooses for each root the edge that the next simulation takes.

    Args:
        tree: the trees, their roots expanded.
        n: trees in use.
        noise: float64 [>= n, MAX_LEGAL_ACTIONS], see ``draw_gumbel``.
        considered: see ``considered_visits``.
        simulation: which simulation it is, from 0.
        out: int32 [>= n] receives the edges; NO_EDGE where the root is proven.
    """
    scores, worths = np.empty(MAX_LEGAL_ACTIONS), np.empty(MAX_LEGAL_ACTIONS)
    for g in range(n):
        out[g] = NO_EDGE
        if tree.proven[g, ROOT] != UNPROVEN:
            continue
        edges, first = _scores(tree, g, scores, worths), tree.first_edge[g, ROOT]
        wanted = considered[min(edges, considered.shape[0] - 1), simulation]
        best, best_fits, best_score = NO_EDGE, False, -np.inf
        for k in range(edges):
            edge = first + k
            if tree.edge_proven[g, edge] == PROVEN_LOSS:
                continue
            # An action found to be lost leaves a gap in the plan, which the best of the others fills.
            fits = tree.edge_visits[g, edge] == wanted
            score = scores[k] + noise[g, k]
            if best == NO_EDGE or fits > best_fits or (fits == best_fits and score > best_score):
                best, best_fits, best_score = edge, fits, score
        out[g] = best


@jit
def improved_policy(tree: Tree, n: int, actions: np.ndarray, weights: np.ndarray, values: np.ndarray) -> None:
    """Replaces what ``root_visits`` wrote for roots that are not proven by their improved policy and its value.

    Args:
        tree: the trees.
        n: trees in use.
        actions: int16 [n, MAX_LEGAL_ACTIONS] receives the actions with a weight, ascending.
        weights: int16 [n, MAX_LEGAL_ACTIONS] receives their probabilities times WEIGHT, rounded; 0 behind the last.
        values: float32 [n] receives what that policy is worth: unlike the mean of all visits, it leaves out what bad
            actions brought that were only tried.
    """
    scores, worths = np.empty(MAX_LEGAL_ACTIONS), np.empty(MAX_LEGAL_ACTIONS)
    for g in range(n):
        if tree.proven[g, ROOT] != UNPROVEN:
            continue
        edges, first = _scores(tree, g, scores, worths), tree.first_edge[g, ROOT]
        for k in range(edges):
            if tree.edge_proven[g, first + k] == PROVEN_LOSS:
                scores[k] = -np.inf
        total = exponentials(scores, edges)
        actions[g, :] = 0
        weights[g, :] = 0
        kept, value = 0, 0.0
        for k in range(edges):
            value += scores[k] / total * worths[k]
            weight = np.rint(WEIGHT * scores[k] / total)
            if weight > 0:
                actions[g, kept] = tree.edge_action[g, first + k]
                weights[g, kept] = np.int16(weight)
                kept += 1
        values[g] = value
