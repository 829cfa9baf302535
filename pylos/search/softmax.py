"""The softmax over the legal actions: for kernels, and for one position in NumPy."""

from __future__ import annotations

from math import exp

import numpy as np

from pylos.kernels.jit import jit


@jit
def exponentials(scores: np.ndarray, n: int) -> float:
    """Replaces the first n scores by their exponentials, scaled so that the greatest is 1.

    Divided by their sum they are the softmax.

    Args:
        scores: float64 [>= n], a score is -inf where the probability is to be 0.
        n: how many there are.

    Returns:
        The sum of the exponentials.
    """
    highest, total = -np.inf, 0.0
    for k in range(n):
        highest = max(highest, scores[k])
    for k in range(n):
        scores[k] = exp(scores[k] - highest)
        total += scores[k]
    return total


def legal_policy(log_policy: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """The probabilities [n] of legal actions [n] under a log policy [303]."""
    weights = np.exp(log_policy[actions] - log_policy[actions].max(initial=-np.inf))
    return np.asarray(weights / weights.sum())
