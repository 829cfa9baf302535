"""Searches on a device, simulated or real: what tests call there, and what they compare with the host's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.game.observation import OBSERVATION_SIZE, observe_all
from pylos.game.rules import NUM_ACTIONS, RULES
from pylos.network.evaluator import NetworkEvaluator
from pylos.search.history import History, history_of
from pylos.search.options import SearchOptions
from pylos.search.search import Search, SearchResult
from pylos.search.tree import Tree
from tests.support.evaluators import small_network
from tests.support.searches import late_boards, running_boards

MULTIPLIERS = 0x1E3779B97F4A7C15, 0x3F58476D1CE4E5B9, 0x14D049BB133111EB


class HashedObservations:
    """Opinions that look random, are a function of the observation alone, and have the same bits on every device.

    Args:
        rules: the rule set.
        device: where it computes.
        sharp: how far the log policies are apart.
        broken: what every log policy is multiplied by.
    """

    def __init__(self, rules: str, device: str = "cpu", sharp: float = 4, broken: float = 1) -> None:
        self._code, self.device = RULES[rules], torch.device(device)
        self._sharp, self._broken, self.calls = sharp, broken, 0
        odd = 2 * np.random.default_rng(0).integers(1 << 61, size=OBSERVATION_SIZE) + 1
        self._odd = torch.from_numpy(odd).to(self.device)
        self._actions = torch.arange(1, NUM_ACTIONS + 1, device=self.device)

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        observations = np.empty((len(positions), OBSERVATION_SIZE), np.float32)
        observe_all(positions, self._code, observations)
        values, log_policy = torch.empty(len(positions)), torch.empty(len(positions), NUM_ACTIONS)
        self.enqueue(torch.from_numpy(observations), values, log_policy)
        return values.numpy(), log_policy.numpy()

    def enqueue(self, observations: torch.Tensor, values: torch.Tensor, log_policy: torch.Tensor) -> None:
        self.calls += 1
        key = ((observations * 30).round().long() * self._odd.to(observations.device)).sum(1)
        values.copy_(2 * _uniform(key) - 1)
        noise = _uniform(key[:, None] * 331 + self._actions.to(observations.device))
        log_policy.copy_((self._sharp * noise - 6) * self._broken)


def _uniform(z: torch.Tensor) -> torch.Tensor:
    for shift, multiplier in zip((29, 32, 31), MULTIPLIERS, strict=True):
        z = (z ^ (z >> shift)) * multiplier
    return (z >> 40 & 0xFFFFFF).double() / 2**24


def positions_of(rules: str, running: int, late: int) -> np.ndarray:
    """Positions of all phases, and positions near the end of games."""
    boards = running_boards(rules, running) + late_boards(rules, late)
    return np.array([board.position for board in boards], np.int64)


def on_host(
    rules: str,
    options: SearchOptions,
    positions: np.ndarray,
    keys: np.ndarray,
    history: History | None = None,
) -> tuple[Tree, SearchResult]:
    """The trees and the result of a search on the host."""
    search = Search(len(positions), RULES[rules], options)
    result = search.run(positions, HashedObservations(rules), keys, history)
    return search._trees[0], result


def on_device(
    rules: str,
    options: SearchOptions,
    searches: list[tuple[Any, ...]],
    device: str = "cpu",
    games: int | None = None,
    spare: int | None = None,
    evaluate: Any = None,
    **settings: Any,
) -> list[tuple[dict[str, np.ndarray], SearchResult, int]]:
    """Searches on a device, one after another in the same memory.

    Args:
        rules: the rule set.
        options: of the searches.
        searches: the positions and the keys of each, and a history or none.
        device: where; "cpu" where numba simulates a device.
        games: for how many positions there is room.
        spare: how many trees with full room there are, where any are needed.
        evaluate: judges the leaves.
        settings: of `DeviceSearch`.

    Returns:
        For each search the trees, the result, and how often an evaluation was put on the device so far.
    """
    from pylos.search.cuda.device_search import DeviceSearch
    from pylos.search.cuda.trees import DeviceTrees
    from pylos.search.tree import most_edges

    search = DeviceSearch(games or len(searches[0][0]), RULES[rules], options, device, **settings)
    if spare:
        room, batch = most_edges(options.simulations), search._trees.batch
        search._spare = DeviceTrees(
            spare, RULES[rules], options, search._device, room, len(search._earlier), batch
        )
    evaluate, found = evaluate or HashedObservations(rules, device), []
    for given in searches:
        result = search.run(given[0], evaluate, *given[1:])
        trees = {name: np.array(_on_host(array)) for name, array in search._trees.tree._asdict().items()}
        copied = SearchResult(*(array.copy() for array in result))
        found.append((trees, copied, getattr(evaluate, "calls", 0)))
    return found


def in_turn(rules: str, options: SearchOptions, positions: np.ndarray, device: str = "cpu") -> dict[str, Any]:
    """What two searches that are both under way find, and what becomes of a result while another search runs."""
    from pylos.search.cuda.device_search import DeviceSearch

    n = len(positions) // 2
    one, two = (DeviceSearch(n, RULES[rules], options, device) for _ in range(2))
    evaluate, keys = HashedObservations(rules, device), np.arange(2 * n)
    one.start(positions[n:], evaluate, keys[n:])  # never finished, as an interrupt may leave it
    one.start(positions[:n], evaluate, keys[:n])
    two.start(positions[n:], evaluate, keys[n:])
    first = one.finish()
    before = first.weights.copy()
    one.start(positions[n:], evaluate, keys[n:])
    second, third = two.finish(), one.finish()
    kept = bool((first.weights == before).all())
    results = [SearchResult(*(array.copy() for array in result)) for result in (first, second, third)]
    chosen = two.choose(positions[:n], evaluate, keys[:n])
    other = HashedObservations(rules, device, sharp=1)
    changed = one.run(positions[:n], other, keys[:n]).weights.copy()
    return {"results": results, "kept": kept, "chosen": chosen, "changed": changed}


class PlayedGraphs:
    """Stands for the CUDA graphs of a search where there is no device: what is captured is done at each replay."""

    def __init__(self, search: Any) -> None:
        self._trees, self._capturing = search._trees, None
        self._do = {name: getattr(search._trees, name) for name in ("begin", "simulate", "conclude")}
        self.captured: list[list[str]] = []
        for name in self._do:
            setattr(search._trees, name, partial(self._call, name))
        search._cuda = True
        search._stream = SimpleNamespace(synchronize=lambda: None, wait_stream=lambda _: None)

    def instead_of_torch(self) -> Any:
        """Takes the place of what a search uses of `torch.cuda`, in a `with` statement."""
        return patch.multiple(
            torch.cuda,
            CUDAGraph=self._new_graph,
            graph=lambda graph, **_: self._capture(graph),
            stream=lambda _: nullcontext(),
            current_stream=lambda _: None,
        )

    def _new_graph(self) -> Any:
        calls: list[tuple[str, tuple[Any, ...]]] = []
        return SimpleNamespace(calls=calls, replay=lambda: [self._do[name](*args) for name, args in calls])

    @contextmanager
    def _capture(self, graph: Any) -> Iterator[None]:
        self._capturing = graph.calls
        yield
        self._capturing = None
        self.captured.append([name for name, _ in graph.calls])

    def _call(self, name: str, *args: Any) -> None:
        if self._capturing is None:
            self._do[name](*args)
        else:
            self._capturing.append((name, args))


def by_graphs(
    rules: str, options: SearchOptions, positions: np.ndarray, per_graph: int
) -> tuple[list[list[str]], SearchResult]:
    """What is captured where a search is divided into graphs, and what the second search with them finds."""
    from pylos.search.cuda.device_search import DeviceSearch

    search = DeviceSearch(len(positions), RULES[rules], options, "cpu", simulations_per_graph=per_graph)
    graphs, evaluate = PlayedGraphs(search), HashedObservations(rules)
    with graphs.instead_of_torch():
        search.run(positions[::-1].copy(), evaluate, np.zeros(len(positions), np.int64))
        result = search.run(positions, evaluate, np.arange(len(positions)))
    return graphs.captured, SearchResult(*(array.copy() for array in result))


def by_network(options: SearchOptions, positions: np.ndarray) -> SearchResult:
    """What a search on a simulated device finds with a network."""
    evaluate = NetworkEvaluator(small_network(), RULES["standard"], "cpu", "float32")
    [(_, result, _)] = on_device(
        "standard", options, [(positions, np.arange(len(positions)))], evaluate=evaluate
    )
    return result


def refusals() -> list[str]:
    """What is said about too many positions, and too many that came before."""
    from pylos.search.cuda import device_search

    code, options, said = RULES["standard"], SearchOptions(simulations=2), []
    search = device_search.DeviceSearch(2, code, options, "cpu", plies=3)
    for positions, earlier in (3, 0), (2, 4):
        given, history = np.zeros(positions, np.int64), history_of([[7] * earlier] * positions)
        try:
            search.run(given, HashedObservations("standard"), np.arange(positions), history)
        except ValueError as error:
            said.append(str(error))
    return said


def found_after_interrupts() -> list[int]:
    """How many rows are finished where `start` was interrupted, and after one that was not."""
    from pylos.search.cuda.device_search import DeviceSearch

    class Interrupted(HashedObservations):
        def enqueue(self, *args: Any) -> None:
            raise KeyboardInterrupt

    positions, found = positions_of("standard", 3, 1), []
    search = DeviceSearch(4, RULES["standard"], SearchOptions(simulations=4), "cpu")
    for kind in (Interrupted, HashedObservations, Interrupted):
        with suppress(KeyboardInterrupt):
            search.start(positions, kind("standard"), np.arange(4))
        found.append(len(search.finish().values))
    return found


def errors_without_memory() -> list[str]:
    """What is said where the device lacks memory for trees, and for those with full room after a search."""
    from pylos.search.cuda import device_search

    kind, code, options = device_search.DeviceTrees, RULES["standard"], SearchOptions(simulations=4)
    positions, said, rooms = positions_of("standard", 3, 1), [], [False, True, False]

    class Trees(kind):  # type: ignore[misc, valid-type]  # the class is known only here
        def __init__(self, *args: Any, **settings: Any) -> None:
            if not rooms.pop(0):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
            super().__init__(*args, **settings)

    with patch.object(device_search, "DeviceTrees", Trees):
        for _ in range(2):
            try:
                search = device_search.DeviceSearch(4, code, options, "cpu", room=120)
                search.run(positions, HashedObservations("standard"), np.arange(4))
            except ConfigurationError as error:
                said.append(str(error))
    return said


def _on_host(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.copy_to_host()


def errors_of_broken_networks(factors: list[float], device: str = "cpu") -> list[str]:
    """What searches say whose networks give log policies multiplied by these factors; "" where they say nothing."""
    from pylos.search.cuda.device_search import DeviceSearch

    positions, said = positions_of("standard", 3, 1), []
    search = DeviceSearch(4, RULES["standard"], SearchOptions(simulations=4), device)
    for factor in factors:
        try:
            search.run(positions, HashedObservations("standard", device, broken=factor), np.arange(4))
            said.append("")
        except NonFiniteNetworkError as error:
            said.append(str(error))
    return said
