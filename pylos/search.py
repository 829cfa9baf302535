"""Monte-Carlo tree search over many games at once, one network call per simulation for all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from pylos.errors import ConfigurationError
from pylos.gumbel import choose_root_edges, considered_visits, draw_gumbel, improved_policy
from pylos.options import SHARE, Range, checked_options, shown
from pylos.root import RootEdges, add_noise, root_edges, root_visits, surprises
from pylos.rules import MAX_LEGAL_ACTIONS
from pylos.tree import NO_EDGE, Tree, expand, new_tree, plant, select

ROOTS = ("puct", "gumbel")
MOST_SIMULATIONS = 30_000
"""Of a decision: results keep visits in 16 bits."""
BATCH_MULTIPLE = 8
"""Batches have a multiple of this size; smaller ones are computed by other means, with other rounding."""

_RANGES = {
    "simulations": Range(int, 1, MOST_SIMULATIONS),
    "gumbel_scale": Range(float, 0, 1000),
    "c_puct": Range(float, 0, 1000, above=True),
    "fpu_reduction": Range(float, -1000, 1000),
    "dirichlet_alpha": Range(float, 0, 1000, above=True),
    "dirichlet_fraction": SHARE,
}


class Evaluator(Protocol):
    """What a search asks about its leaves: the network, or random playouts."""

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates positions.

        Args:
            positions: int64 [B] packed positions, B a multiple of ``BATCH_MULTIPLE``.

        Returns:
            Values for the players to move, float32 [B], and log policies, float32 [B, 303].
        """


@dataclass(frozen=True)
class SearchOptions:
    """How a search goes about it. Without noise, unless it is asked for."""

    simulations: int = 64
    """Leaves looked at per decision (AlphaZero: 800)."""
    root: str = "puct"
    """How simulations choose at the root: "puct", or "gumbel" (see `pylos.gumbel`)."""
    gumbel_scale: float = 0.0
    """Scale of the noise by which "gumbel" draws actions; 0 takes the likeliest (in self-play: 1)."""
    c_puct: float = 1.5
    """Weight of the prior against the value in PUCT (AlphaZero: about 1.25)."""
    fpu_reduction: float = 0.25
    """How much less than its parent an unvisited action is thought to be worth, at full visited prior mass."""
    dirichlet_alpha: float = 0.3
    """Concentration of the root noise (AlphaZero: 0.3 for chess)."""
    dirichlet_fraction: float = 0.0
    """Weight of the root noise; 0 turns it off (AlphaZero in self-play: 0.25)."""

    def __post_init__(self) -> None:
        for name, value in checked_options(vars(self), _RANGES).items():
            object.__setattr__(self, name, value)
        if self.root not in ROOTS:
            raise ConfigurationError(f"root must be {' or '.join(ROOTS)}, got {shown(self.root)}")

    @property
    def width(self) -> int:
        """The most actions to which a search can give a weight."""
        return MAX_LEGAL_ACTIONS if self.root == "gumbel" else min(self.simulations, MAX_LEGAL_ACTIONS)


def network_options(simulations: int) -> SearchOptions:
    """How a search with a network goes about it when it plays: what is found decides, chance has no part in it."""
    return SearchOptions(simulations=simulations, root="gumbel")


class SearchResult(NamedTuple):
    """What a search found, a row per game. K = ``SearchOptions.width``."""

    actions: np.ndarray
    """int16 [n, K] the actions with a weight, ascending, 0 behind the last one."""
    weights: np.ndarray
    """int16 [n, K] what their probabilities are proportional to: visits, or an improved policy; 0 behind the last."""
    values: np.ndarray
    """float32 [n] the expected outcome for the player to move; exactly 1 or -1 where it is proven."""
    surprises: np.ndarray
    """float32 [n] how far the weights are from the prior that the search began with, noise included, in nats."""


def padded_size(count: int) -> int:
    """The size of the batch in which so many positions are judged."""
    return -(-count // BATCH_MULTIPLE) * BATCH_MULTIPLE


class Search:
    """Room to search up to ``games`` positions at once, used again for every decision.

    The rows are shared out evenly to threads, each with a tree and network calls of its own: neither the kernels
    nor torch hold the interpreter's lock, so no core waits while another grows a tree.

    Only leaves that wait for the network are sent to it, in batches padded to a multiple of ``BATCH_MULTIPLE``:
    within such sizes a position is judged the same, to the last bit, whatever else is in the batch.

    Args:
        games: the most positions to search at once.
        rules: the rule set's number.
        options: see ``SearchOptions``.
        threads: how many threads search.
    """

    def __init__(self, games: int, rules: int, options: SearchOptions, threads: int = 1) -> None:
        self.options = options
        self.games = games
        self._rules = rules
        rows = self._share(games, threads)
        self._trees = [new_tree(rows, options.simulations) for _ in range(threads)]
        self._considered = considered_visits(options.simulations)
        self._executor = ThreadPoolExecutor(threads) if threads > 1 else None
        self._interrupted = False

    @staticmethod
    def _share(positions: int, threads: int) -> int:
        """How many of the positions a thread searches; too few for a batch are not worth sharing."""
        return max(BATCH_MULTIPLE, -(-positions // threads))

    def run(self, positions: np.ndarray, evaluate: Evaluator, keys: np.ndarray) -> SearchResult:
        """Searches positions.

        Args:
            positions: int64 [n <= games] packed positions, none of them the end of a game.
            evaluate: judges the leaves; with several threads it is called by all of them.
            keys: int64 [n] random keys of the root noise; without noise they are not read.

        Returns:
            What it found for each of them.
        """
        n, width = len(positions), self.options.width
        if n > self.games:
            raise ValueError(f"there is room for {self.games} positions, not for {n}")
        result = SearchResult(
            np.empty((n, width), np.int16),
            np.empty((n, width), np.int16),
            np.empty(n, np.float32),
            np.empty(n, np.float32),
        )
        share = self._share(n, len(self._trees))
        shards = [
            (tree, positions[rows], evaluate, keys[rows], SearchResult(*(array[rows] for array in result)))
            for tree, first in zip(self._trees, range(0, n, share), strict=False)
            for rows in [slice(first, first + share)]
        ]
        if self._executor is None:
            for shard in shards:
                self._run_shard(*shard)
        else:
            self._run_in_threads(self._executor, shards)
        return result

    def first_root(self) -> RootEdges:
        """The edges of the first position that the last ``run`` searched."""
        return root_edges(self._trees[0], 0)

    def _run_in_threads(self, executor: ThreadPoolExecutor, shards: list[Any]) -> None:
        """Runs the shards; whatever interrupts that, Ctrl-C for example, ends all of them within a simulation."""
        futures = [executor.submit(self._run_shard, *shard) for shard in shards]
        try:
            for future in futures:
                future.result()
        except BaseException:
            self._interrupted = True
            wait(futures)
            raise
        finally:
            self._interrupted = False

    def _run_shard(
        self, tree: Tree, positions: np.ndarray, evaluate: Evaluator, keys: np.ndarray, result: SearchResult
    ) -> None:
        n, options, rules = len(positions), self.options, self._rules
        leaves = np.zeros(padded_size(n), np.int64)
        if count := plant(tree, positions, rules, leaves):
            expand(tree, n, rules, *evaluate(leaves[: padded_size(count)]))
        edges, gumbel = np.full(n, NO_EDGE, np.int32), options.root == "gumbel"
        noise = np.zeros((n, MAX_LEGAL_ACTIONS))
        if gumbel and options.gumbel_scale:
            draw_gumbel(keys, options.gumbel_scale, noise)
        elif options.dirichlet_fraction and not gumbel:
            add_noise(tree, n, keys, options.dirichlet_alpha, options.dirichlet_fraction)
        for simulation in range(options.simulations):
            if self._interrupted:
                return
            if gumbel:
                choose_root_edges(tree, n, noise, self._considered, simulation, edges)
            if count := select(tree, n, rules, options.c_puct, options.fpu_reduction, edges, leaves):
                expand(tree, n, rules, *evaluate(leaves[: padded_size(count)]))
        root_visits(tree, n, result.actions, result.weights, result.values)
        if gumbel:
            improved_policy(tree, n, result.actions, result.weights, result.values)
        surprises(tree, n, result.actions, result.weights, result.surprises)
