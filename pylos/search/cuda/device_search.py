"""`DeviceSearch`: what `Search` does, in the memory of a CUDA device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.game.outcome import MOST_PLIES
from pylos.search.cuda.available import device_search_missing
from pylos.search.cuda.device import Stopwatch
from pylos.search.cuda.kernels import NO_POSITION, NO_ROOM, NOT_FINITE
from pylos.search.cuda.trees import DeviceTrees, bytes_of_tree, usual_room
from pylos.search.evaluator import DeviceEvaluator
from pylos.search.history import History, checked_history
from pylos.search.options import SearchOptions
from pylos.search.root import pick_actions
from pylos.search.search import SearchResult
from pylos.search.tree import most_edges

SIMULATIONS_PER_GRAPH = 128
"""The most simulations in one CUDA graph. A simulation has some 30 nodes; a search of up to this many is one launch."""
_SPARE_BYTES = 1 << 28
"""The memory of the trees with full room."""


class DeviceSearch:
    """Searches up to `games` positions at once, as `Search` does. Trees and observations never leave the device.

    A search is one launch: a CUDA graph holds all kernels and all evaluations. It has a stream of its own, so that the
    host, and other searches, can work meanwhile: `start` returns at once, `finish` waits.

    Trees have room for more edges than nearly all of them need (`usual_room`), a sixth of what they might. Where the
    edges of a tree do not fit, its row is searched once more, in a few trees that have room for all, and finds what
    it would have found. The device may round otherwise than the host, but the same search finds the same, to the last
    bit, whatever else is searched with it.

    Args:
        games: the most positions to search at once.
        code: the rule set's number.
        options: see `SearchOptions`.
        device: the CUDA device.
        room: the edges for which each tree has room.
        plies: the most earlier positions of a game.
        simulations_per_graph: the most simulations in one CUDA graph. A longer search takes several launches.
        by_column: whether the same node of all games lies side by side in memory, not all nodes of a game.

    Raises:
        ConfigurationError: the device, or what is installed, cannot do it: see `device_search_missing`; or the device
            has too little memory.
    """

    def __init__(
        self,
        games: int,
        code: int,
        options: SearchOptions,
        device: torch.device | str,
        *,
        room: int | None = None,
        plies: int = MOST_PLIES,
        simulations_per_graph: int = SIMULATIONS_PER_GRAPH,
        by_column: bool = False,
    ) -> None:
        if missing := device_search_missing(device, options):
            raise ConfigurationError(f"searches cannot run on {device}: {missing}")
        self.options, self.games = options, games
        self._code, self._device = code, torch.device(device)
        self._per_graph, self._cuda = simulations_per_graph, self._device.type == "cuda"
        room = usual_room(options.simulations) if room is None else room
        self._stream: Any = None
        if self._cuda:
            self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch's
        with self._memory(), torch.cuda.stream(self._stream):  # numba takes the device that is current
            self._trees = DeviceTrees(games, code, options, self._device, room, plies, by_column=by_column)
        self._spare: DeviceTrees | None = None
        self._graphs: list[tuple[Any, int]] = []
        self._evaluate: DeviceEvaluator | None = None
        rows = self._trees.rows
        self._inputs = [self._pinned(tensor) for tensor in self._given(self._trees)]
        self._earlier = self._pinned(rows.earlier.t())
        # Two sets in turn: the next search may write while the caller still reads what the last one found.
        self._outputs = [[self._pinned(tensor) for tensor in self._trees.outputs] for _ in range(2)]
        self._searched = 0
        self._watch = Stopwatch()

    def start(
        self,
        positions: np.ndarray,
        evaluate: DeviceEvaluator,
        keys: np.ndarray,
        history: History | None = None,
    ) -> None:
        """Begins to search positions, and returns while the device does it.

        The first search with an evaluator takes longer: its kernels are compiled, and its graph is captured.

        Args:
            positions: int64 [n <= games] packed positions, none of them the end of a game.
            evaluate: judges the leaves, on this device.
            keys: int64 [n] random keys of the root noise; without noise they are not read.
            history: the games that led to the positions, if they are known.

        Raises:
            ConfigurationError: the device has too little memory.
            ValueError: there are more positions than `games`, more earlier positions than `plies`, or not as many
                positions as games of the history.
        """
        n = len(positions)
        if n > self.games:
            raise ValueError(f"there is room for {self.games} positions, not for {n}")
        history = checked_history(history, n)
        if (longest := int(history.counts.max(initial=0))) > len(self._earlier):
            raise ValueError(f"there is room for {len(self._earlier)} earlier positions, not for {longest}")
        self._wait()
        self._searched = 0  # an interrupt from here on leaves nothing to finish
        if evaluate is not self._evaluate:
            self._prepare(evaluate)
        self._outputs.reverse()
        for pinned, numbers in zip(self._inputs, (positions, keys, history.counts), strict=True):
            pinned[:n] = torch.from_numpy(numbers)
        self._inputs[0][n:] = NO_POSITION
        self._earlier[:longest, :n] = torch.from_numpy(history.positions[:, :longest]).t()
        trees = self._trees
        with torch.cuda.stream(self._stream):
            for tensor, pinned in zip(self._given(trees), self._inputs, strict=True):
                tensor.copy_(pinned, non_blocking=True)
            trees.rows.earlier.t()[:longest].copy_(self._earlier[:longest], non_blocking=True)
            self._watch.start()
            self._launch(evaluate)
            self._watch.stop()
            for pinned, tensor in zip(self._outputs[0], trees.outputs, strict=True):
                pinned.copy_(tensor, non_blocking=True)
        self._searched = n

    def finish(self) -> SearchResult:
        """Waits for the search that was started.

        Returns:
            What it found. The arrays are good until the search after the next one is started.

        Raises:
            ConfigurationError: the device has too little memory for rows whose trees lacked room.
            NonFiniteNetworkError: the network gave a number that is infinite or not a number.
        """
        self._wait()
        outputs = [pinned.numpy()[: self._searched] for pinned in self._outputs[0]]
        *found, state = outputs
        self._search_again(np.flatnonzero(state == NO_ROOM), outputs)
        if (state == NOT_FINITE).any():
            raise NonFiniteNetworkError.outputs("the network")
        return SearchResult(*found)

    @property
    def seconds(self) -> float:
        """How long the newest search that was finished took, by the clock of the device."""
        return self._watch.seconds()

    def run(
        self,
        positions: np.ndarray,
        evaluate: DeviceEvaluator,
        keys: np.ndarray,
        history: History | None = None,
    ) -> SearchResult:
        """Searches positions: `start` and `finish`."""
        self.start(positions, evaluate, keys, history)
        return self.finish()

    def choose(
        self,
        positions: np.ndarray,
        evaluate: DeviceEvaluator,
        keys: np.ndarray,
        history: History | None = None,
    ) -> np.ndarray:
        """Searches positions and chooses the action of the greatest weight in each, see `Search.choose`."""
        found = self.run(positions, evaluate, keys, history)
        return pick_actions(found.actions, found.weights, keys, np.ones(len(positions), np.bool_))

    @staticmethod
    def _given(trees: DeviceTrees) -> tuple[torch.Tensor, ...]:
        """What a search is given for each game, apart from the game's earlier positions."""
        return trees.rows.positions, trees.rows.keys, trees.rows.counts

    def _pinned(self, tensor: torch.Tensor) -> torch.Tensor:
        """Memory of the host for a copy of a tensor. Only to pinned memory a device copies while the host works."""
        return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=self._cuda)

    def _wait(self) -> None:
        if self._cuda:
            self._stream.synchronize()

    def _prepare(self, evaluate: DeviceEvaluator) -> None:
        """Makes itself ready for another evaluator."""
        self._evaluate, self._graphs = None, []
        if self._cuda:
            with self._memory():
                self._record(evaluate)
        self._evaluate = evaluate

    def _record(self, evaluate: DeviceEvaluator) -> None:
        """Captures the search in CUDA graphs: one, or two where there are many simulations."""
        trees, count = self._trees, self.options.simulations
        self._stream.wait_stream(torch.cuda.current_stream(self._device))  # for the weights
        with torch.cuda.stream(self._stream):
            # Compiles the kernels, and lets libraries prepare themselves.
            trees.begin(evaluate)
            trees.simulate(evaluate)
            trees.conclude()
            self._stream.synchronize()
            first = (count - 1) % self._per_graph + 1
            self._capture(evaluate, 1, first, begins=True)
            if repeats := (count - first) // self._per_graph:
                self._capture(evaluate, repeats, self._per_graph, begins=False)

    def _capture(self, evaluate: DeviceEvaluator, repeats: int, simulations: int, *, begins: bool) -> None:
        """Captures a graph of some simulations, which a search launches `repeats` times."""
        graph = torch.cuda.CUDAGraph()
        # Other threads, and the other stream, may use the device meanwhile. About the mode see `Launch`.
        capture = torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local")
        with torch.inference_mode(False), capture:
            if begins:
                self._trees.begin(evaluate)
            for _ in range(simulations):
                self._trees.simulate(evaluate)
        self._graphs.append((graph, repeats))

    def _launch(self, evaluate: DeviceEvaluator) -> None:
        """Puts a whole search on the current stream."""
        if not self._graphs:
            self._trees.search(evaluate)
            return
        for graph, repeats in self._graphs:
            for _ in range(repeats):
                graph.replay()
        self._trees.conclude()

    def _search_again(self, rows: np.ndarray, outputs: list[np.ndarray]) -> None:
        """Searches rows again in trees with room for all edges, and puts what they find into the outputs."""
        if not len(rows):
            return
        spare, evaluate = self._spare_trees(), self._evaluate
        assert evaluate is not None
        with torch.cuda.stream(self._stream):
            for first in range(0, len(rows), spare.games):
                part = rows[first : first + spare.games]
                spare.rows.positions.fill_(NO_POSITION)
                some = torch.from_numpy(part)
                for tensor, pinned in zip(self._given(spare), self._inputs, strict=True):
                    tensor[: len(part)] = pinned[some].to(self._device)
                spare.rows.earlier.t()[:, : len(part)] = self._earlier[:, some].to(self._device)
                spare.search(evaluate)
                for array, tensor in zip(outputs, spare.outputs, strict=True):
                    array[part] = tensor[: len(part)].cpu().numpy()

    def _spare_trees(self) -> DeviceTrees:
        if self._spare is None:
            room = most_edges(self.options.simulations)
            fit = _SPARE_BYTES // bytes_of_tree(self.options.simulations, room)
            games = max(1, min(fit, self.games))
            # The network sees the same batch as before: in one of another size it might round otherwise.
            plies, batch = len(self._earlier), self._trees.batch
            with self._memory():
                self._spare = DeviceTrees(games, self._code, self.options, self._device, room, plies, batch)
        return self._spare

    @contextmanager
    def _memory(self) -> Iterator[None]:
        """Surrounds what takes memory of the device."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise ConfigurationError(
                f"no memory left on {self._device} for searches: lower parallel_games or simulations"
            ) from None
