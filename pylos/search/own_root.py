"""Root policies of one's own: which action each simulation of a search begins with, decided by scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pylos.errors import ConfigurationError
from pylos.search.tree import NO_EDGE, PROVEN_LOSS, ROOT, Tree

ROOTS = ("puct", "gumbel")
"""The root policies of the package."""


class Roots(NamedTuple):
    """What a root policy sees: n searches before their next simulation, each with up to A legal actions, ascending."""

    legal: np.ndarray
    """bool [n, A] whether there is such an action. Where there is none, the other arrays have 0."""
    priors: np.ndarray
    """float32 [n, A] the network's probability of the action; in self-play with the noise of the options."""
    visits: np.ndarray
    """int32 [n, A] simulations that began with the action."""
    values: np.ndarray
    """float32 [n, A] their mean value for the player who acts, from -1 to 1; 0 without visits."""
    simulation: int
    """The number of the next simulation, from 0."""
    simulations: int
    """How many there will be."""
    keys: np.ndarray
    """int64 [n] random keys of the searches: whoever draws, draws by these (`pylos.kernels.randomness`)."""


RootPolicy = Callable[[Roots], np.ndarray]
"""Scores of the actions, float [n, A]. The next simulation begins with that of the greatest score."""

_registered: dict[str, RootPolicy] = {}


def register_root(name: str, policy: RootPolicy) -> None:
    """Makes a root policy known by a name, for `SelfPlayDataModule(root=name)` and `NetworkPlayer(..., root=name)`.

    A search plays by its visits, and trains on them, as with "puct". Below the root it goes on by PUCT. Actions that
    are proven to lose are not taken. Several threads may call the policy at the same time. Checkpoints keep the name
    alone, so register it again before a run goes on.

    >>> register_root("even", lambda roots: -roots.visits)

    Args:
        name: any but "puct" and "gumbel". What had it before is replaced.
        policy: maps `Roots` to scores [n, A].

    Raises:
        ConfigurationError: the name is one of these two.
    """
    if name in ROOTS:
        raise ConfigurationError(f"{name} is a root policy of the package: choose another name")
    _registered[name] = policy


def root_names() -> tuple[str, ...]:
    """The names of all root policies."""
    return (*ROOTS, *_registered)


def own_root(name: str) -> RootPolicy | None:
    """The registered policy of a name; None for one of the package's own."""
    return _registered.get(name)


def choose_by_scores(
    policy: RootPolicy,
    tree: Tree,
    n: int,
    simulation: int,
    simulations: int,
    keys: np.ndarray,
    out: np.ndarray,
) -> None:
    """Lets a policy choose for each root the edge that the next simulation takes.

    Args:
        policy: see `RootPolicy`.
        tree: the trees, their roots expanded.
        n: trees in use.
        simulation: see `Roots`.
        simulations: see `Roots`.
        keys: see `Roots`.
        out: int32 [n] receives the edges; NO_EDGE where all actions are proven to lose.

    Raises:
        ConfigurationError: what the policy returned is not [n, A], or not a number where an action can be taken.
    """
    counts = tree.num_edges[:n, ROOT]
    columns = np.arange(max(1, int(counts.max(initial=0))))
    legal = columns < counts[:, None]
    rows, edges = np.arange(n)[:, None], np.where(legal, tree.first_edge[:n, ROOT, None] + columns, 0)
    visits = np.where(legal, tree.edge_visits[rows, edges], 0)
    sums = np.where(legal, tree.edge_value_sum[rows, edges], 0)
    priors = np.where(legal, tree.edge_prior[rows, edges], 0)
    roots = Roots(legal, priors, visits, sums / np.maximum(visits, 1), simulation, simulations, keys)
    scores = np.asarray(policy(roots), np.float64)
    if scores.shape != legal.shape:
        raise ConfigurationError(
            f"a root policy returns scores {list(legal.shape)}, not {list(scores.shape)}"
        )
    open_edges = legal & (tree.edge_proven[rows, edges] != PROVEN_LOSS)
    if np.isnan(scores[open_edges]).any():
        raise ConfigurationError("a root policy returns numbers as scores, not NaN")
    # A policy may give -inf to what it would not take: it still comes before what is proven to lose.
    scores = np.where(open_edges, np.maximum(scores, np.finfo(np.float64).min), -np.inf)
    best = scores.argmax(axis=1)
    out[:n] = np.where(open_edges.any(axis=1), edges[np.arange(n), best], NO_EDGE)
