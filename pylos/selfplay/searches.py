"""The searches of self-play: one on this machine's processor, or two that share a CUDA device."""

from __future__ import annotations

import torch

from pylos.search.cuda.available import device_search_missing
from pylos.search.options import SearchOptions
from pylos.search.search import BatchSearch, Search
from pylos.selfplay.options import GameOptions
from pylos.system.machine import memory_for
from pylos.system.options import COUNT, Range, checked_options

_RANGES = {"parallel_games": COUNT, "threads": Range(int, 1, 1024)}
_BYTES_OF_A_NODE = 128
"""Memory that a node of a tree takes with its edges, of which it has five on average."""


def make_searches(
    games: int,
    code: int,
    options: SearchOptions,
    threads: int,
    device: torch.device,
    max_moves: int = GameOptions.max_moves,
) -> list[BatchSearch]:
    """Makes the searches of self-play.

    Args:
        games: the number of games in flight, at least 1.
        code: the rule set's number.
        options: see `SearchOptions`.
        threads: how many threads search, if this machine's processor does.
        device: where the network computes.
        max_moves: see `GameOptions`; of so many positions a device remembers whether they have occurred.

    Returns:
        A search for each group of games, see `SelfPlay`.

    Raises:
        ConfigurationError: a number is out of its range, or there is too little memory.
    """
    given = {"parallel_games": games, "threads": threads}
    games, threads = checked_options(given, _RANGES).values()
    if device_search_missing(device, options) is None:
        from pylos.search.cuda.device_search import DeviceSearch  # here, because it imports numba-cuda

        # While the device searches one half of the games, this machine plays what it found for the other.
        half = -(-games // 2)
        sizes = [size for size in (half, games - half) if size]
        return [DeviceSearch(size, code, options, device, plies=max_moves) for size in sizes]
    needed = games * (options.simulations + 1) * _BYTES_OF_A_NODE
    with memory_for("search trees", needed, f"lower parallel_games ({games:,}) or simulations"):
        return [Search(games, code, options, threads)]
