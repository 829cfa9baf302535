"""The games of self-play in flight: their arrays, and the kernels that begin, continue and end them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylos.game.playouts import random_action
from pylos.game.position import START, mover
from pylos.game.rules import is_over, occurrences, step
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw, draw_below
from pylos.selfplay.replay_buffer import Samples

WHITE_SCORE, DRAWS, PLIES, GAMES = 0, 1, 2, 3
OPENING = -1
"""Takes the place of the ply in the key of an opening's random draws."""


class GamesInFlight(NamedTuple):
    """The games in flight. G is their number, T is `max_moves`, K as in `SearchResult`."""

    number: np.ndarray
    """int64 [G] the number of the game in the stream of games; it names the game's random draws."""
    opening: np.ndarray
    """int64 [G] the number of random actions with which the game began."""
    ply: np.ndarray
    """int64 [G] the number of actions played after the opening."""
    positions: np.ndarray
    """int64 [G, T + 1] the positions after the opening, the current one at index `ply`."""
    actions: np.ndarray
    """int16 [G, T, K] the actions to which the search of every ply gave a weight."""
    weights: np.ndarray
    """int16 [G, T, K] their weights."""
    values: np.ndarray
    """float32 [G, T] the value that the search of every ply found, for the player to move."""
    surprises: np.ndarray
    """float32 [G, T] how surprising the result of every search was, see `Samples`."""


@jit
def begin_game(games: GamesInFlight, g: int, number: int, key: int, opening_plies: int, code: int) -> None:
    """Starts game `number` in row `g`, with up to `opening_plies` random actions that do not end it."""
    opening_key = draw(draw(key, number), OPENING)
    position, played = START, 0
    for ply in range(draw_below(opening_key, 0, opening_plies + 1)):
        after = step(position, random_action(position, code, draw(opening_key, 1 + ply)), code)
        if is_over(after, code):
            break
        position, played = after, played + 1
    games.number[g] = number
    games.opening[g] = played
    games.ply[g] = 0
    games.positions[g, 0] = position


@jit
def current_positions(
    games: GamesInFlight, key: int, positions: np.ndarray, noise_keys: np.ndarray, choice_keys: np.ndarray
) -> None:
    """Writes the current positions of all games, and the keys of the random draws in them.

    Args:
        games: the games in flight.
        key: names the random draws of all games.
        positions: int64 [G] receives the positions.
        noise_keys: int64 [G] receives keys for the root noise.
        choice_keys: int64 [G] receives keys for the choice of an action.
    """
    for g in range(games.ply.shape[0]):
        ply_key = draw(draw(key, games.number[g]), games.ply[g])
        positions[g] = games.positions[g, games.ply[g]]
        noise_keys[g] = draw(ply_key, 0)
        choice_keys[g] = draw(ply_key, 1)


@jit
def _add_samples(
    games: GamesInFlight, g: int, white: float, black: float, samples: Samples, added: int
) -> int:
    """Writes the samples of a finished game to the buffer and returns the number of samples ever added to it.

    `white` and `black` are what the outcome is worth to either player.
    """
    for i in range(games.ply[g]):
        row = added % samples.positions.shape[0]
        samples.positions[row] = games.positions[g, i]
        samples.actions[row] = games.actions[g, i]
        samples.weights[row] = games.weights[g, i]
        samples.outcomes[row] = black if mover(games.positions[g, i]) else white
        samples.games[row] = games.number[g]
        samples.plies[row] = games.opening[g] + i
        samples.values[row] = games.values[g, i]
        samples.surprises[row] = games.surprises[g, i]
        added += 1
    return added


@jit
def advance(
    games: GamesInFlight,
    chosen: np.ndarray,
    code: int,
    repetition_limit: int,
    move_limit_draw_value: float,
    repetition_draw_value: float,
    opening_plies: int,
    key: int,
    next_number: int,
    samples: Samples,
    added: int,
    totals: np.ndarray,
) -> tuple[int, int]:
    """Plays the chosen action in every game; a finished game gives its samples and its row goes to the next game.

    Args:
        games: the games in flight.
        chosen: int64 [G] legal actions.
        code: the rule set's number.
        repetition_limit: see `GameOptions`.
        move_limit_draw_value: see `GameOptions`.
        repetition_draw_value: see `GameOptions`.
        opening_plies: see `GameOptions`.
        key: names the random draws of all games.
        next_number: the number of the next game to start.
        samples: the replay buffer's arrays.
        added: samples ever added to it.
        totals: float64 [4] sums over finished games, at the indices WHITE_SCORE, DRAWS, PLIES and GAMES.

    Returns:
        The new `next_number` and `added`.
    """
    for g in range(chosen.shape[0]):
        ply = games.ply[g]
        position = step(games.positions[g, ply], chosen[g], code)
        ply += 1
        games.ply[g] = ply
        games.positions[g, ply] = position
        if is_over(position, code):
            white = 1.0 if mover(position) else -1.0
            black = -white
        elif occurrences(games.positions[g], ply) >= repetition_limit:
            white = black = repetition_draw_value
            totals[DRAWS] += 1
        elif ply == games.actions.shape[1]:
            white = black = move_limit_draw_value
            totals[DRAWS] += 1
        else:
            continue
        totals[WHITE_SCORE] += 0.5 if white == black else 0.5 * (white + 1.0)
        totals[PLIES] += ply
        totals[GAMES] += 1
        added = _add_samples(games, g, white, black, samples, added)
        begin_game(games, g, next_number, key, opening_plies, code)
        next_number += 1
    return next_number, added
