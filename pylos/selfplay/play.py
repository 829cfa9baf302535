"""Self-play: all games advance by one ply at a time, with one search for all; finished games turn into samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pylos.errors import ConfigurationError
from pylos.kernels.randomness import derive_key
from pylos.search.evaluator import Evaluator
from pylos.search.options import SearchOptions
from pylos.search.root import pick_actions
from pylos.search.search import Search
from pylos.selfplay.games import (
    DRAWS,
    GAMES,
    PLIES,
    WHITE_SCORE,
    GamesInFlight,
    advance,
    begin_game,
    current_positions,
)
from pylos.selfplay.options import GameOptions
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.system.machine import memory_for
from pylos.system.options import COUNT, COUNT_OR_ZERO, Range, checked_options

_RANGES = {
    "parallel_games": COUNT,
    "rank": COUNT_OR_ZERO,
    "threads": Range(int, 1, 1024),
}


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


class SelfPlay:
    """An endless stream of games of the current network against itself.

    Games that are unfinished when `play` returns go on in the next call, with the evaluator of that call.

    Args:
        parallel_games: G, the number of games in flight, at least 1.
        code: the rule set's number.
        search_options: see `SearchOptions`.
        game_options: see `GameOptions`.
        key: names all random draws, together with `rank`.
        rank: which of several processes this is; each plays games of its own.
        threads: how many threads search.

    Raises:
        ConfigurationError: a number is out of its range, or there is too little memory for the games.
    """

    def __init__(
        self,
        parallel_games: int,
        code: int,
        search_options: SearchOptions,
        game_options: GameOptions,
        *,
        key: int,
        rank: int = 0,
        threads: int = 1,
    ) -> None:
        given = {"parallel_games": parallel_games, "rank": rank, "threads": threads}
        numbers = checked_options(given, _RANGES)
        size, moves, width = numbers["parallel_games"], game_options.max_moves, search_options.width
        self._code = code
        self._options = game_options
        self._key = derive_key(key, "selfplay", numbers["rank"])
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
        self._search = Search(size, code, search_options, numbers["threads"])
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
        totals = np.zeros(4)
        searched = 0
        while totals[GAMES] < num_games:
            self._play_ply(evaluate, buffer, totals)
            searched += len(self._games.ply)
            on_ply(int(totals[GAMES]), searched)
        return SelfPlayStats(
            games=int(totals[GAMES]),
            plies=int(totals[PLIES]),
            first_player_score=float(totals[WHITE_SCORE] / totals[GAMES]),
            draw_rate=float(totals[DRAWS] / totals[GAMES]),
            positions=searched,
            seconds=time.perf_counter() - start,
        )

    def _play_ply(self, evaluate: Evaluator, buffer: ReplayBuffer, totals: np.ndarray) -> None:
        """Plays one action in every game; finished games go to the buffer and are counted in `totals`."""
        games, options = self._games, self._options
        rows = np.arange(len(games.ply))
        positions, noise_keys, choice_keys = (np.empty(len(rows), np.int64) for _ in range(3))
        current_positions(games, self._key, positions, noise_keys, choice_keys)
        result = self._search.run(positions, evaluate, noise_keys)
        games.actions[rows, games.ply] = result.actions
        games.weights[rows, games.ply] = result.weights
        games.values[rows, games.ply] = result.values
        games.surprises[rows, games.ply] = result.surprises / max(result.surprises.mean(), 1e-6)
        greedy = games.ply >= options.temperature_moves
        chosen = pick_actions(result.actions, result.weights, choice_keys, greedy)
        self._next_number, buffer.added = advance(
            games,
            chosen,
            self._code,
            options.repetition_limit,
            options.move_limit_draw_value,
            options.repetition_draw_value,
            options.opening_plies,
            self._key,
            self._next_number,
            buffer.samples,
            buffer.added,
            totals,
        )

    def state_dict(self) -> dict[str, Any]:
        """The games in flight as tensors (what was played, with zeros behind it), and the number of the next game."""
        ply = self._games.ply
        plies = int(ply.max()) + 1
        arrays = {}
        for name, array in self._games._asdict().items():
            kept = (array if array.ndim == 1 else array[:, :plies]).copy()
            if array.ndim > 1:  # behind the plies of a game lies what is left of an earlier one
                played = ply + 1 if name == "positions" else ply
                kept[np.arange(plies) >= played[:, None]] = 0
            arrays[name] = torch.from_numpy(kept)
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
        self._next_number = int(state["next_number"])
