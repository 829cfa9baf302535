"""Games of self-play in flight: how they begin and end, their arrays, and the kernels that play them on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylos.game.playouts import random_action
from pylos.game.rules import START, is_over, mover, occurrences, step
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw, draw_below
from pylos.selfplay.replay_buffer import Samples

WHITE_SCORE, DRAWS, PLIES, GAMES = 0, 1, 2, 3
OPENING = -1
"""What stands for the ply in the key of an opening's random draws."""


class GamesInFlight(NamedTuple):
    """Games in flight. G games; T = ``max_moves``; K as in ``SearchResult``."""

    number: np.ndarray
    """int64 [G] which game of this stream of games it is; it names the game's random draws."""
    opening: np.ndarray
    """int64 [G] random actions with which it began."""
    ply: np.ndarray
    """int64 [G] actions played since then."""
    positions: np.ndarray
    """int64 [G, T + 1] the positions since the opening, the current one at index ``ply``."""
    actions: np.ndarray
    """int16 [G, T, K] the actions to which the search gave a weight at every ply."""
    weights: np.ndarray
    """int16 [G, T, K]"""
    values: np.ndarray
    """float32 [G, T] what every search found the position to be worth for its mover."""
    surprises: np.ndarray
    """float32 [G, T] how surprising each search was, see ``Samples``."""


@jit
def begin_game(games: GamesInFlight, g: int, number: int, key: int, opening_plies: int, code: int) -> None:
    """Starts game ``number`` in a row: so many random actions as its number names, unless they would end it."""
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
    """Writes the current positions [G] and the keys [G] of what is drawn there, from `key`, game and ply."""
    for g in range(games.ply.shape[0]):
        ply_key = draw(draw(key, games.number[g]), games.ply[g])
        positions[g] = games.positions[g, games.ply[g]]
        noise_keys[g] = draw(ply_key, 0)
        choice_keys[g] = draw(ply_key, 1)


@jit
def _add_samples(
    games: GamesInFlight, g: int, white: float, black: float, samples: Samples, added: int
) -> int:
    """Writes a finished game to the buffer, whose ``added``-th sample is the next; returns the new ``added``."""
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
    """Plays the chosen action in every game; a finished game leaves its samples and makes room for the next.

    Args:
        games: the games in flight.
        chosen: int64 [G] legal actions.
        code: the rule set's number.
        repetition_limit: see ``GameOptions``, as the two values that follow.
        move_limit_draw_value: see ``GameOptions``.
        repetition_draw_value: see ``GameOptions``.
        opening_plies: see ``GameOptions``.
        key: names the random draws of all games.
        next_number: the number of the next game to start.
        samples: the replay buffer's arrays.
        added: samples ever added to it.
        totals: float64 [4], sums over finished games, see WHITE_SCORE and the following.

    Returns:
        The new ``next_number`` and ``added``.
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
