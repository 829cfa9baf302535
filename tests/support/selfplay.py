"""Self-play in tests: small games, and the samples that they leave in a buffer."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from pylos.game.rules import RULES
from pylos.search.options import SearchOptions
from pylos.selfplay.options import GameOptions
from pylos.selfplay.play import SelfPlay
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.selfplay.searches import make_searches
from tests.twins.selfplay import Sample

SEARCH = SearchOptions(simulations=8, dirichlet_fraction=0.25)


def self_play(
    rules: str = "standard",
    games: Any = 5,
    search: SearchOptions = SEARCH,
    options: GameOptions | None = None,
    key: Any = 1,
    threads: Any = 1,
    groups: int = 1,
    **more: Any,
) -> SelfPlay:
    """A stream of games; `groups` of them have a search of their own, each with as many games."""
    code = RULES[rules]
    searches = [
        s for _ in range(groups) for s in make_searches(games, code, search, threads, torch.device("cpu"))
    ]
    return SelfPlay(searches, code, search, options or GameOptions(), key=key, **more)


def new_buffer(search: SearchOptions = SEARCH, capacity: int = 5000) -> ReplayBuffer:
    """An empty buffer for the samples of such searches."""
    return ReplayBuffer(capacity, search.width)


def samples_of(buffer: ReplayBuffer) -> list[Sample]:
    """The samples of a buffer as the twin has them."""
    columns = (column[: len(buffer)].tolist() for column in buffer.samples)
    return [
        (position, {a: n for a, n in zip(actions, weights, strict=True) if n}, *rest)
        for position, actions, weights, *rest in zip(*columns, strict=True)
    ]


def games_of(buffer: ReplayBuffer) -> list[list[Sample]]:
    """The samples game by game."""
    return [list(samples) for _, samples in itertools.groupby(samples_of(buffer), lambda sample: sample[3])]


def same_samples(first: ReplayBuffer, second: ReplayBuffer) -> bool:
    """Whether two buffers hold the same samples, to the last bit."""
    return first.added == second.added and all(
        (a == b).all() for a, b in zip(first.samples, second.samples, strict=True)
    )
