"""What searches have found, of many rows of a pool at once: a struct of arrays that one kernel fills."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.kernels.jit import inlined, jit
from pylos.search.gumbel import improve_root
from pylos.search.lines import expected_line
from pylos.search.root import read_root
from pylos.search.tree import ROOT, UNPROVEN, Tree


class Findings(NamedTuple):
    """What R searches have found about their positions, and about the legal actions of these, T in all.

    The actions of search `i` are `first[i]` to `first[i + 1] - 1`, the best first: those of the greatest weight, then
    of the most visits, then of the greatest prior, then of the least number. None if the game is over.
    """

    values: np.ndarray
    """float32 [R] the expected outcome for the player to move; exactly 1 or -1 where it is proven."""
    first: np.ndarray
    """int64 [R + 1] where the actions of each search begin."""
    actions: np.ndarray
    """int16 [T] action ids."""
    weights: np.ndarray
    """int16 [T] proportional to their probabilities after the search, see `SearchResult`."""
    visits: np.ndarray
    """int32 [T] simulations that took the action; 0 if it wins at once, which is known without any."""
    means: np.ndarray
    """float32 [T] the mean value for the player who acts: exactly 1 or -1 if proven, NaN if nothing is known."""
    priors: np.ndarray
    """float32 [T] prior probabilities."""
    lines: np.ndarray
    """int16 [T, L] the actions that the search expects, of which the action itself is the first."""
    pending: np.ndarray
    """int8 [T, L + 1] how many balls may be taken back before each action of the line, and after the last."""
    lengths: np.ndarray
    """int64 [T] the numbers of actions of the lines."""

    def part(self, index: int) -> slice:
        """Where the actions of a search are."""
        return slice(int(self.first[index]), int(self.first[index + 1]))

    def one(self, index: int, order: np.ndarray) -> Findings:
        """What one search has found, its actions in another order: that of their places in it, int64 [n]."""
        places, first = self.first[index] + order, np.array([0, len(order)])
        return Findings(self.values[index : index + 1], first, *(array[places] for array in self[2:]))


def read_findings(tree: Tree, code: int, rows: np.ndarray, gumbel: np.ndarray, most: int) -> Findings:
    """Reads evaluated searches.

    Args:
        tree: the trees.
        code: the rule set's number.
        rows: int64 [R] which trees.
        gumbel: bool [G] whether the root of each tree is "gumbel".
        most: the most actions of a line, L.
    """
    first = np.zeros(len(rows) + 1, np.int64)
    tree.num_edges[rows, ROOT].cumsum(out=first[1:])
    findings = room_for_findings(first, most)
    _read(tree, code, rows, gumbel, findings)
    return findings


def room_for_findings(first: np.ndarray, most: int) -> Findings:
    """Findings that are still to be written: R and T are those of `first`, and L is `most`."""
    searches, total = len(first) - 1, int(first[-1])
    return Findings(
        values=np.empty(searches, np.float32),
        first=first,
        actions=np.empty(total, np.int16),
        weights=np.empty(total, np.int16),
        visits=np.empty(total, np.int32),
        means=np.empty(total, np.float32),
        priors=np.empty(total, np.float32),
        lines=np.empty((total, most), np.int16),
        pending=np.empty((total, most + 1), np.int8),
        lengths=np.empty(total, np.int64),
    )


@jit
def _read(tree: Tree, code: int, rows: np.ndarray, gumbel: np.ndarray, findings: Findings) -> None:
    """Fills the findings of `rows`, for which there is room."""
    actions, kept = np.empty(MAX_LEGAL_ACTIONS, np.int16), np.empty(MAX_LEGAL_ACTIONS, np.int16)
    scores, q_values = np.empty(MAX_LEGAL_ACTIONS), np.empty(MAX_LEGAL_ACTIONS)
    weights, order = np.zeros(MAX_LEGAL_ACTIONS, np.int16), np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(rows.shape[0]):
        g = rows[i]
        findings.values[i] = read_root(tree, g, actions, kept)
        if gumbel[g] and tree.proven[g, ROOT] == UNPROVEN:
            findings.values[i] = improve_root(tree, g, actions, kept, scores, q_values)
        n, first = tree.num_edges[g, ROOT], tree.first_edge[g, ROOT]
        known = 0
        for k in range(n):
            weights[k] = 0
            if kept[known] and tree.edge_action[g, first + k] == actions[known]:
                weights[k] = kept[known]
                known += 1
        _best_first(tree, g, weights, order)
        for k in range(n):
            t, edge = findings.first[i] + k, first + order[k]
            findings.actions[t], findings.weights[t] = tree.edge_action[g, edge], weights[order[k]]
            visits, proof = tree.edge_visits[g, edge], tree.edge_proven[g, edge]
            mean = tree.edge_value_sum[g, edge] / visits if visits else np.nan
            findings.visits[t], findings.means[t] = visits, mean if proof == UNPROVEN else proof
            findings.priors[t] = tree.edge_prior[g, edge]
            findings.lengths[t] = expected_line(tree, g, edge, code, findings.lines[t], findings.pending[t])


@inlined
def _best_first(tree: Tree, g: int, weights: np.ndarray, order: np.ndarray) -> None:
    """Writes the order of a root's edges, counted from its first, to `order`, see `Findings`. They are few."""
    first = tree.first_edge[g, ROOT]
    for k in range(tree.num_edges[g, ROOT]):
        place = k
        while place and _is_better(tree, g, first, weights, k, order[place - 1]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = k


@inlined
def _is_better(tree: Tree, g: int, first: int, weights: np.ndarray, k: int, other: int) -> bool:
    """Whether edge `k` of a root comes before an edge with a lesser number."""
    if weights[k] != weights[other]:
        return bool(weights[k] > weights[other])
    mine, others = tree.edge_visits[g, first + k], tree.edge_visits[g, first + other]
    if mine != others:
        return bool(mine > others)
    return bool(tree.edge_prior[g, first + k] > tree.edge_prior[g, first + other])
