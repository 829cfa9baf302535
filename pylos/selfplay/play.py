"""Self-play: all games advance by one ply at a time, searched together; finished games turn into samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pylos.errors import ConfigurationError, NonFiniteNetworkError
from pylos.kernels.randomness import derive_key
from pylos.search.evaluator import Evaluator
from pylos.search.history import History
from pylos.search.options import SearchOptions
from pylos.search.search import BatchSearch, SearchResult
from pylos.selfplay.games import (
    DRAWS,
    GAMES,
    PLIES,
    WHITE_SCORE,
    GamesInFlight,
    begin_game,
    end_games,
    play_ply,
    search_inputs,
)
from pylos.selfplay.groups import Group, SearchTimes, rows_of
from pylos.selfplay.options import GameOptions
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.system.machine import memory_for
from pylos.system.options import COUNT_OR_ZERO, checked_options

_GAMES_OF_A_THREAD = 1024
"""Fewer games are not worth another thread to play in."""


@dataclass(frozen=True)
class SelfPlayStats:
    """Statistics of one call of `SelfPlay.play`."""

    games: int
    """Games finished."""
    plies: int
    """Actions played in finished games without their openings, which is also the number of samples."""
    first_player_score: float
    """Wins plus half the draws, per game, of the player who moves first, even if its first action was random."""
    draw_rate: float
    """Draws per finished game."""
    positions: int
    """Positions searched, in finished and unfinished games."""
    seconds: float
    """Duration of the call."""
    searching: float
    """Seconds of it in which at least one search was at work."""
    waiting: float
    """Seconds of it in which this thread waited for a search."""


class SelfPlay:
    """An endless stream of games of the current network against itself.

    Games that are unfinished when `play` returns go on in the next call, with the evaluator of that call.

    The games are divided into as many groups as there are searches. In each ply every group has its turn, in order:
    while a device searches the others, this machine plays the actions that were found for one. The games do not depend
    on the number of groups, only the surprises of samples do: they are divided by the mean over the games that were
    searched at the same time, which are those of a group.

    Args:
        searches: what searches, a group of games each; together they have room for G games, all of them in flight.
        code: the rule set's number.
        search_options: those of the searches.
        game_options: see `GameOptions`.
        key: names all random draws, together with `rank`.
        rank: which of several processes this is; each plays games of its own.
        threads: how many threads play what was found.

    Raises:
        ConfigurationError: the rank is out of its range, or there is too little memory for the games.
    """

    def __init__(
        self,
        searches: Sequence[BatchSearch],
        code: int,
        search_options: SearchOptions,
        game_options: GameOptions,
        *,
        key: int,
        rank: int = 0,
        threads: int = 1,
    ) -> None:
        rank = checked_options({"rank": rank}, {"rank": COUNT_OR_ZERO})["rank"]
        ends = np.cumsum([search.games for search in searches]).tolist()
        size, moves, width = ends[-1], game_options.max_moves, search_options.width
        self._code = code
        self._options = game_options
        self._key = derive_key(key, "selfplay", rank)
        self._next_number = size
        needed = size * (32 + moves * (16 + 4 * width))
        with memory_for("games in flight", needed, f"lower parallel_games ({size:,}) or max_moves"):
            self._games = GamesInFlight(
                number=np.arange(size),
                opening=np.zeros(size, np.int64),
                ply=np.zeros(size, np.int64),
                positions=np.zeros((size, moves + 1), np.int64),
                actions=np.zeros((size, moves, width), np.int16),
                weights=np.zeros((size, moves, width), np.int16),
                values=np.zeros((size, moves), np.float32),
                surprises=np.zeros((size, moves), np.float32),
            )
        self._groups = [
            Group(rows_of(self._games, slice(first, end)), search)
            for first, end, search in zip([0, *ends], ends, searches, strict=False)
        ]
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads)
        for g in range(size):
            begin_game(self._games, g, g, self._key, game_options.opening_plies, code)

    def play(
        self,
        num_games: int,
        evaluate: Evaluator,
        buffer: ReplayBuffer,
        on_ply: Callable[[int, int], None] = lambda games, positions: None,
    ) -> SelfPlayStats:
        """Plays until at least `num_games` more games are finished; some more may end at the same ply.

        Args:
            num_games: games to finish.
            evaluate: judges the leaves of the searches.
            buffer: receives the samples of finished games.
            on_ply: called after every ply with the numbers of finished games and searched positions so far.

        Returns:
            Statistics of the finished games.

        Raises:
            NonFiniteNetworkError: see `pick_actions`.
        """
        start = time.perf_counter()
        totals, times = np.zeros(4), SearchTimes()
        searched = 0
        try:
            while totals[GAMES] < num_games:
                self._play_ply(num_games, evaluate, buffer, totals, times)
                searched += len(self._games.ply)
                on_ply(int(totals[GAMES]), searched)
        finally:
            for group in self._groups:
                self._drop_search(group)
                self._end_games(group, buffer, totals)  # an interrupt may have come before it
        return SelfPlayStats(
            games=int(totals[GAMES]),
            plies=int(totals[PLIES]),
            first_player_score=float(totals[WHITE_SCORE] / totals[GAMES]),
            draw_rate=float(totals[DRAWS] / totals[GAMES]),
            positions=searched,
            seconds=time.perf_counter() - start,
            searching=times.searching,
            waiting=times.waiting,
        )

    def _play_ply(
        self,
        num_games: int,
        evaluate: Evaluator,
        buffer: ReplayBuffer,
        totals: np.ndarray,
        times: SearchTimes,
    ) -> None:
        """Plays one action in every game; finished games go to the buffer and are counted in `totals`."""
        for group in self._groups:
            self._start(group, evaluate)
        for group in self._groups:
            self._advance(group, times.finish(group), buffer, totals)
            # The last one waits: whether there is a next ply is known when all have had their turn.
            if group is not self._groups[-1] and totals[GAMES] < num_games:
                self._start(group, evaluate)

    def _start(self, group: Group, evaluate: Evaluator) -> None:
        """Starts the search of a group's next ply, if it is not in flight already."""
        if group.started is None:
            search_inputs(group.games, self._key, group.positions, group.keys)
            group.started = time.perf_counter()
            # What was played after the opening, in the same memory: the referee does not count openings, either.
            history = History(group.games.positions, group.games.ply)
            group.search.start(group.positions, evaluate, group.keys, history)

    @staticmethod
    def _drop_search(group: Group) -> None:
        """Waits for the search that is in flight, if any. What it finds is found again when it is needed."""
        if group.started is not None:
            group.started = None
            with suppress(NonFiniteNetworkError):
                group.search.finish()

    def _advance(self, group: Group, found: SearchResult, buffer: ReplayBuffer, totals: np.ndarray) -> None:
        """Plays in every game of a group what was found for it."""
        games, options = group.games, self._options
        surprise = float(max(found.surprises.mean(), np.float32(1e-6)))

        def play_rows(rows: slice) -> None:
            play_ply(
                rows_of(games, rows),
                found.actions[rows],
                found.weights[rows],
                found.values[rows],
                found.surprises[rows],
                surprise,
                self._code,
                options.temperature_moves,
                options.forked_games,
                options.repetition_limit,
                self._key,
                group.endings[rows],
            )

        if not found.weights[:, 0].all():
            raise NonFiniteNetworkError.nothing_to_play()
        size = len(games.ply)
        share = max(_GAMES_OF_A_THREAD, -(-size // self._threads))
        shards = [slice(first, first + share) for first in range(share, size, share)]
        others = [self._executor.submit(play_rows, shard) for shard in shards]
        try:
            play_rows(slice(share))
        finally:
            wait(others)
        self._end_games(group, buffer, totals)

    def _end_games(self, group: Group, buffer: ReplayBuffer, totals: np.ndarray) -> None:
        """Ends the games of a group that are over, in the order of their rows, and begins new ones in their place."""
        options = self._options
        self._next_number, buffer.added = end_games(
            group.games,
            group.endings,
            self._code,
            options.repetition_draw_value,
            options.move_limit_draw_value,
            options.opening_plies,
            options.forked_games,
            self._key,
            self._next_number,
            buffer.samples,
            buffer.added,
            totals,
        )

    def state_dict(self) -> dict[str, Any]:
        """The games in flight as tensors (what was played, with zeros behind it), and the number of the next game."""
        plies = int(self._games.ply.max()) + 1
        games = GamesInFlight(
            *((array if array.ndim == 1 else array[:, :plies]).copy() for array in self._games)
        )
        _clear_behind(games)
        arrays = {name: torch.from_numpy(array) for name, array in games._asdict().items()}
        return {"next_number": self._next_number, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on with the games of a `state_dict`.

        Raises:
            ConfigurationError: the arrays of the checkpoint's games do not fit into those of this object.
        """
        for name, array in self._games._asdict().items():
            stored = state[name].numpy()
            if stored.shape[0] != array.shape[0] or stored.shape[2:] != array.shape[2:]:
                raise ConfigurationError(
                    "the checkpoint's games in flight do not fit: resume with as many parallel_games and "
                    "simulations as before"
                )
            if array.ndim == 1:
                array[:] = stored
            elif stored.shape[1] > array.shape[1]:
                raise ConfigurationError("the checkpoint's games in flight are longer than max_moves")
            else:
                array[:, : stored.shape[1]] = stored
        _clear_behind(self._games)
        self._next_number = int(state["next_number"])


def _clear_behind(games: GamesInFlight) -> None:
    """Puts zeros behind the plies of each game, where something may be left of an earlier one."""
    for name, array in games._asdict().items():
        if array.ndim > 1:
            played = games.ply + 1 if name == "positions" else games.ply
            array[np.arange(array.shape[1]) >= played[:, None]] = 0
