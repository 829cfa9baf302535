"""Monte-Carlo tree search over many games at once: one call of the evaluator per simulation serves all of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple, Protocol

import numpy as np

from pylos.game.rules import MAX_LEGAL_ACTIONS
from pylos.search.evaluator import BATCH_MULTIPLE, Evaluator, padded_size
from pylos.search.findings import Findings, read_findings
from pylos.search.gumbel import (
    CONSIDERED,
    choose_root_edges,
    considered_visits,
    draw_gumbel,
    improved_policy,
)
from pylos.search.history import History, checked_history
from pylos.search.options import SearchOptions
from pylos.search.own_root import choose_by_scores, own_root
from pylos.search.root import (
    add_dirichlet_noise,
    measure_surprises,
    pick_actions,
    root_visits,
)
from pylos.search.simulation import expand, select
from pylos.search.tree import NO_EDGE, ROOT, Tree, new_tree, start_trees


class SearchResult(NamedTuple):
    """What a search found, one row per game. K is `SearchOptions.width`."""

    actions: np.ndarray
    """int16 [n, K] the actions with a weight, ascending, 0 behind the last one."""
    weights: np.ndarray
    """int16 [n, K] their weights, proportional to probabilities: visits, or an improved policy; 0 behind the last."""
    values: np.ndarray
    """float32 [n] the expected outcome for the player to move; exactly 1 or -1 where it is proven."""
    surprises: np.ndarray
    """float32 [n] how far the weights are from the prior at the start of the search, noise included, in nats."""


class BatchSearch(Protocol):
    """Searches many positions at once: on this machine's processor (`Search`), or on a CUDA device."""

    @property
    def games(self) -> int:
        """The most positions to search at once."""

    @property
    def seconds(self) -> float:
        """How long the newest search that was finished took, by the clock of what searched."""

    def start(
        self, positions: np.ndarray, evaluate: Any, keys: np.ndarray, history: History | None = None
    ) -> None:
        """Begins what `run` does; a device is at work when this returns. No array may change before `finish`."""

    def finish(self) -> SearchResult:
        """The result of the search that was started; it waits for a device. The next `finish` may overwrite it."""

    def run(
        self, positions: np.ndarray, evaluate: Any, keys: np.ndarray, history: History | None = None
    ) -> SearchResult:
        """`start` and `finish`, see `Search.run`."""


class Search:
    """Searches up to `games` positions at once, in memory that is allocated once and used for every decision.

    The positions are divided evenly among threads. Each thread has trees and calls of the evaluator of its own.
    Neither the kernels nor torch hold the interpreter's lock, so no core waits while another grows a tree.

    Only leaves that wait for an evaluation are sent to the evaluator, in batches padded to a multiple of
    `BATCH_MULTIPLE`. In batches of such sizes a position is judged the same, to the last bit, whatever else is in
    the batch.

    Args:
        games: the most positions to search at once.
        code: the rule set's number.
        options: see `SearchOptions`.
        threads: how many threads search.
    """

    def __init__(self, games: int, code: int, options: SearchOptions, threads: int = 1) -> None:
        self.options = options
        self.games = games
        self._code = code
        rows = self._share(games, threads)
        self._trees = [new_tree(rows, options.simulations) for _ in range(threads)]
        self._considered = considered_visits(options.simulations)
        self._executor = ThreadPoolExecutor(threads) if threads > 1 else None
        self._interrupted = False
        self._started: tuple[np.ndarray, Evaluator, np.ndarray, History | None]
        self.seconds = 0.0

    @staticmethod
    def _share(positions: int, threads: int) -> int:
        """How many of the positions a thread searches: at least a full batch, even if some threads get none then."""
        return max(BATCH_MULTIPLE, -(-positions // threads))

    def start(
        self, positions: np.ndarray, evaluate: Evaluator, keys: np.ndarray, history: History | None = None
    ) -> None:
        """Notes what `finish` is to search, see `run`."""
        self._started = positions, evaluate, keys, history

    def finish(self) -> SearchResult:
        """Searches what `start` has noted. The result is the caller's."""
        start = time.perf_counter()
        found = self.run(*self._started)
        self.seconds = time.perf_counter() - start
        return found

    def run(
        self, positions: np.ndarray, evaluate: Evaluator, keys: np.ndarray, history: History | None = None
    ) -> SearchResult:
        """Searches positions.

        Args:
            positions: int64 [n <= games] packed positions, none of them the end of a game.
            evaluate: judges the leaves; several threads call it at the same time.
            keys: int64 [n] random keys of the root noise; without noise they are not read.
            history: the games that led to the positions, if they are known.

        Returns:
            What the search found for each position.

        Raises:
            ValueError: there are more positions than `games`, or they are not as many as the games of the history.
        """
        n, width = len(positions), self.options.width
        if n > self.games:
            raise ValueError(f"there is room for {self.games} positions, not for {n}")
        history = checked_history(history, n)
        result = SearchResult(
            np.empty((n, width), np.int16),
            np.empty((n, width), np.int16),
            np.empty(n, np.float32),
            np.empty(n, np.float32),
        )
        share = self._share(n, len(self._trees))
        shards = [
            (
                tree,
                positions[rows],
                evaluate,
                keys[rows],
                history.rows(rows),
                SearchResult(*(array[rows] for array in result)),
            )
            for tree, first in zip(self._trees, range(0, n, share), strict=False)
            for rows in [slice(first, first + share)]
        ]
        if self._executor is None:
            for shard in shards:
                self._run_shard(*shard)
        else:
            self._run_in_threads(self._executor, shards)
        return result

    def choose(
        self, positions: np.ndarray, evaluate: Evaluator, keys: np.ndarray, history: History | None = None
    ) -> np.ndarray:
        """Searches positions and chooses the action of the greatest weight in each.

        Args:
            positions: see `run`.
            evaluate: see `run`.
            keys: see `run`; they also decide between several actions of the greatest weight.
            history: see `run`.

        Returns:
            int64 [n] the actions.

        Raises:
            NonFiniteNetworkError: see `pick_actions`.
        """
        found = self.run(positions, evaluate, keys, history)
        return pick_actions(found.actions, found.weights, keys, np.ones(len(positions), np.bool_))

    def first_findings(self) -> Findings:
        """What the last `run` has found about its first position and the legal actions of it."""
        gumbel = np.array([self.options.root == "gumbel"])
        return read_findings(self._trees[0], self._code, np.zeros(1, np.int64), gumbel, 1)

    def _run_in_threads(self, executor: ThreadPoolExecutor, shards: list[Any]) -> None:
        """Runs each shard in a thread. An exception (Ctrl-C, for example) ends all of them within a simulation."""
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
        self,
        tree: Tree,
        positions: np.ndarray,
        evaluate: Evaluator,
        keys: np.ndarray,
        history: History,
        result: SearchResult,
    ) -> None:
        """Searches the positions of one thread with its trees, and writes what it finds to `result`."""
        n, options, code = len(positions), self.options, self._code
        leaves = np.zeros(padded_size(n), np.int64)
        if count := start_trees(tree, positions, code, leaves):
            expand(tree, n, code, *evaluate(leaves[: padded_size(count)]))
        edges, gumbel = np.full(n, NO_EDGE, np.int32), options.root == "gumbel"
        policy = own_root(options.root)
        noise = np.zeros((n, MAX_LEGAL_ACTIONS))
        if gumbel and options.gumbel_scale:
            draw_gumbel(keys, options.gumbel_scale, noise)
        elif options.dirichlet_fraction and not gumbel:
            add_dirichlet_noise(tree, n, keys, options.dirichlet_alpha, options.dirichlet_fraction)
        drawn = np.minimum(tree.num_edges[:n, ROOT], CONSIDERED)
        for simulation in range(options.simulations):
            if self._interrupted:
                return
            if gumbel:
                choose_root_edges(tree, n, noise, self._considered[drawn, simulation], edges)
            elif policy is not None:
                choose_by_scores(policy, tree, n, simulation, options.simulations, keys, edges)
            how = options.c_puct, options.fpu_reduction, edges, history, options.draw_value
            if count := select(tree, n, code, *how, leaves):
                expand(tree, n, code, *evaluate(leaves[: padded_size(count)]))
        root_visits(tree, n, result.actions, result.weights, result.values)
        if gumbel:
            improved_policy(tree, n, result.actions, result.weights, result.values)
        measure_surprises(tree, n, result.actions, result.weights, result.surprises)
