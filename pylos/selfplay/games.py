"""The games of self-play in flight: their arrays, and the kernels that begin, continue and end them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylos.game.playouts import random_action
from pylos.game.position import START, mover
from pylos.game.rules import is_over, occurrences, step
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw, draw_below, draw_uniform
from pylos.search.root import pick_action
from pylos.selfplay.replay_buffer import Samples

WHITE_SCORE, DRAWS, PLIES, GAMES = 0, 1, 2, 3
UNFINISHED, WON, REPETITION, MOVE_LIMIT = 0, 1, 2, 3
"""How a game ends: the player to move has lost, or it is a draw by one of the two limits."""
OPENING, FORK = -1, -2
"""They take the place of the ply in the keys of random draws at the beginning of a game."""
MOST_PLIES = 10_000
"""The most plies of an opening, and of a game after it: samples keep the sum of both in 16 bits."""


class GamesInFlight(NamedTuple):
    """The games in flight. G is their number, T is `max_moves`, K as in `SearchResult`."""

    number: np.ndarray
    """int64 [G] the number of the game in the stream of games; it names the game's random draws."""
    opening: np.ndarray
    """int64 [G] the number of actions before the game's first search, at most MOST_PLIES; those of the game from which
    it was forked count, too."""
    ply: np.ndarray
    """int64 [G] the number of actions played after the opening."""
    positions: np.ndarray
    """int64 [G, T + 1] the positions after the opening, the current one at index `ply`."""
    actions: np.ndarray
    """int16 [G, T, K] the actions to which the search of every ply gave a weight."""
    weights: np.ndarray
    """int16 [G, T, K] their weights, 0 behind the last one."""
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
def _is_fork(number: int, key: int, forked_games: float) -> bool:
    """Whether game `number` is to begin from a sample of another one."""
    return draw_uniform(draw(draw(key, number), FORK), 0) < forked_games


@jit
def _fork_game(games: GamesInFlight, g: int, key: int, samples: Samples, added: int, code: int) -> None:
    """Lets the game in row `g`, which has begun, begin from a sample after a random action, unless that ends it.

    KataGo forks games, too (Wu, 2020, "Accelerating self-play learning in Go", appendix D). Where to begin, see Trudeau
    and Bowling (2023, "Targeted search control in AlphaZero for effective policy improvement").
    """
    fork_key = draw(draw(key, games.number[g]), FORK)
    row = draw_below(fork_key, 1, min(added, samples.positions.shape[0]))
    position = samples.positions[row]
    after = step(position, random_action(position, code, draw(fork_key, 2)), code)
    if not is_over(after, code):
        games.opening[g] = min(samples.plies[row] + 1, MOST_PLIES)
        games.positions[g, 0] = after


@jit
def search_inputs(games: GamesInFlight, key: int, positions: np.ndarray, keys: np.ndarray) -> None:
    """Writes what the next search of all games needs.

    Args:
        games: the games in flight.
        key: names the random draws of all games.
        positions: int64 [G] receives the current positions.
        keys: int64 [G] receives keys for the root noise.
    """
    for g in range(games.ply.shape[0]):
        positions[g] = games.positions[g, games.ply[g]]
        keys[g] = draw(_ply_key(games, g, key), 0)


@jit
def _ply_key(games: GamesInFlight, g: int, key: int) -> int:
    """The key of the random draws in the present ply of a game."""
    return draw(draw(key, games.number[g]), games.ply[g])


@jit
def _copy_row(
    actions: np.ndarray, weights: np.ndarray, actions_out: np.ndarray, weights_out: np.ndarray
) -> None:
    """Copies actions [K] and weights [K] over those of another search, in both of which zeros follow the last weight.

    Most of a row are such zeros. They are neither read nor written, because that would take most of the time.
    """
    k, size = 0, weights.shape[0]
    while k < size and weights[k]:
        actions_out[k] = actions[k]
        weights_out[k] = weights[k]
        k += 1
    while k < size and weights_out[k]:
        actions_out[k] = 0
        weights_out[k] = 0
        k += 1


@jit
def play_ply(
    games: GamesInFlight,
    actions: np.ndarray,
    weights: np.ndarray,
    values: np.ndarray,
    surprises: np.ndarray,
    surprise: float,
    code: int,
    temperature_moves: int,
    forked_games: float,
    repetition_limit: int,
    key: int,
    endings: np.ndarray,
) -> None:
    """Plays one action in every game, by what a search has found.

    Args:
        games: the games in flight.
        actions: int16 [G, K] see `SearchResult`.
        weights: int16 [G, K] see `SearchResult`; every game has an action to choose.
        values: float32 [G] see `SearchResult`.
        surprises: float32 [G] see `SearchResult`.
        surprise: a number of 32 bits, by which they are divided.
        code: the rule set's number.
        temperature_moves: see `GameOptions`.
        forked_games: see `GameOptions`.
        repetition_limit: see `GameOptions`.
        key: names the random draws of all games.
        endings: int8 [G] receives how each game has ended: UNFINISHED, WON, REPETITION or MOVE_LIMIT.
    """
    # Several short loops take a quarter of the time of a long one: more of the games' memory is fetched at once.
    size = endings.shape[0]
    chosen = np.empty(size, np.int64)
    for g in range(size):
        greedy = games.ply[g] >= temperature_moves or _is_fork(games.number[g], key, forked_games)
        chosen[g] = pick_action(actions[g], weights[g], draw(_ply_key(games, g, key), 1), greedy)
    for g in range(size):
        ply = games.ply[g]
        _copy_row(actions[g], weights[g], games.actions[g, ply], games.weights[g, ply])
    for g in range(size):
        games.values[g, games.ply[g]] = values[g]
        games.surprises[g, games.ply[g]] = surprises[g] / surprise
    for g in range(size):
        ply = games.ply[g]
        games.positions[g, ply + 1] = step(games.positions[g, ply], chosen[g], code)
    for g in range(size):
        games.ply[g] += 1
        ply = games.ply[g]
        if is_over(games.positions[g, ply], code):
            endings[g] = WON
        elif occurrences(games.positions[g], ply) >= repetition_limit:
            endings[g] = REPETITION
        else:
            endings[g] = MOVE_LIMIT if ply == games.actions.shape[1] else UNFINISHED


@jit
def end_games(
    games: GamesInFlight,
    endings: np.ndarray,
    code: int,
    repetition_draw_value: float,
    move_limit_draw_value: float,
    opening_plies: int,
    forked_games: float,
    key: int,
    next_number: int,
    samples: Samples,
    added: int,
    totals: np.ndarray,
) -> tuple[int, int]:
    """Lets finished games give their samples, row by row, and their rows go to the next games.

    Args:
        games: the games in flight.
        endings: int8 [G] how they have ended, see `play_ply`; all are UNFINISHED afterwards.
        code: the rule set's number.
        repetition_draw_value: see `GameOptions`.
        move_limit_draw_value: see `GameOptions`.
        opening_plies: see `GameOptions`.
        forked_games: see `GameOptions`.
        key: names the random draws of all games.
        next_number: the number of the next game to start.
        samples: the replay buffer's arrays.
        added: samples ever added to it.
        totals: float64 [4] sums over finished games, at the indices WHITE_SCORE, DRAWS, PLIES and GAMES.

    Returns:
        The new `next_number` and `added`.
    """
    for g in range(endings.shape[0]):
        if endings[g] == UNFINISHED:
            continue
        if endings[g] == WON:
            white = 1.0 if mover(games.positions[g, games.ply[g]]) else -1.0
            black = -white
        else:
            white = black = repetition_draw_value if endings[g] == REPETITION else move_limit_draw_value
            totals[DRAWS] += 1
        totals[WHITE_SCORE] += 0.5 if white == black else 0.5 * (white + 1.0)
        totals[PLIES] += games.ply[g]
        totals[GAMES] += 1
        added = _add_samples(games, g, white, black, samples, added)
        begin_game(games, g, next_number, key, opening_plies, code)
        if _is_fork(next_number, key, forked_games):
            _fork_game(games, g, key, samples, added, code)
        endings[g] = UNFINISHED
        next_number += 1
    return next_number, added


@jit
def _add_samples(
    games: GamesInFlight, g: int, white: float, black: float, samples: Samples, added: int
) -> int:
    """Writes the samples of a finished game to the buffer and returns the number of samples ever added to it.

    `white` and `black` are what the outcome is worth to either player.
    """
    size, plies = samples.positions.shape[0], int(games.ply[g])
    for i in range(plies):
        row = (added + i) % size
        _copy_row(games.actions[g, i], games.weights[g, i], samples.actions[row], samples.weights[row])
    for i in range(plies):
        row, position = (added + i) % size, games.positions[g, i]
        samples.positions[row] = position
        samples.outcomes[row] = black if mover(position) else white
        samples.games[row] = games.number[g]
        samples.plies[row] = games.opening[g] + i
        samples.values[row] = games.values[g, i]
        samples.surprises[row] = games.surprises[g, i]
    return added + plies
