"""Compiled checks of samples and games that come from a file: whether any game can have led to them."""

from __future__ import annotations

import numpy as np

from pylos.game.explanations import can_occur
from pylos.game.rules import MAX_LEGAL_ACTIONS, is_over, legal_actions
from pylos.kernels.jit import jit


@jit
def first_impossible_sample(
    positions: np.ndarray, actions: np.ndarray, weights: np.ndarray, code: int
) -> int:
    """The index of the first sample that cannot come from a search under these rules, or -1.

    Args:
        positions: int64 [n] should be packed positions that can occur.
        actions: int16 [n, K] should be legal and ascending where they have a weight.
        weights: int16 [n, K] should not be negative, 0 only behind the last one, and not all 0 in a row.
        code: the rule set's number.
    """
    legal = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(positions.shape[0]):
        if not can_occur(positions[i], code):
            return i
        count = legal_actions(positions[i], code, legal)
        at, weights_end = 0, False
        for k in range(actions.shape[1]):
            if weights[i, k] == 0:
                weights_end = True
                continue
            while at < count and legal[at] < actions[i, k]:
                at += 1
            if weights_end or at == count or legal[at] != actions[i, k] or weights[i, k] < 0:
                return i
            at += 1
        if weights[i, 0] == 0:
            return i
    return -1


@jit
def first_impossible_game(
    ply: np.ndarray, positions: np.ndarray, actions: np.ndarray, weights: np.ndarray, code: int
) -> int:
    """The index of the first game in flight that cannot have been played under these rules, or -1.

    Args:
        ply: int64 [G] actions played, less than P.
        positions: int64 [G, P] the positions so far, the current one at index `ply`.
        actions: int16 [G, P, K] see `first_impossible_sample`.
        weights: int16 [G, P, K] see `first_impossible_sample`.
        code: the rule set's number.
    """
    for g in range(ply.shape[0]):
        now, played = positions[g, ply[g]], ply[g]
        if not can_occur(now, code) or is_over(now, code):
            return g
        if (
            first_impossible_sample(positions[g, :played], actions[g, :played], weights[g, :played], code)
            >= 0
        ):
            return g
    return -1
