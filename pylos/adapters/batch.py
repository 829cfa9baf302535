"""Many games at once as compiled kernels: the inner part of the vectorised environment.

A kernel works on the rows from `first` to `last` of the arrays, the last one excluded. So several threads can share
them. None allocates anything.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pylos.adapters.views import ILLEGAL_REWARD, write_view
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.outcome import MOST_PLIES, REPETITION_LIMIT
from pylos.game.position import START, mover
from pylos.game.rules import NUM_ACTIONS, is_over, legal_actions, occurrences, step
from pylos.kernels.jit import jit

PLAYING, WON, REPEATED, TOO_LONG, ILLEGAL = range(5)
"""The states of a game: it goes on, the side to move cannot move, a draw, a draw, or its last action was illegal."""


class Games(NamedTuple):
    """Games in progress. B is their number."""

    positions: np.ndarray
    """int64 [B, MOST_PLIES + 1] the positions since the start."""
    plies: np.ndarray
    """int64 [B] the number of actions since the start: the index of the present position."""
    states: np.ndarray
    """int8 [B] see `PLAYING`."""
    sides: np.ndarray
    """int8 [B] the side from which the game is seen, and which gets the reward: 0 white, 1 black."""


class Seen(NamedTuple):
    """What a step shows of the games."""

    observation: np.ndarray
    """float32 [B, 184] see `pylos.game.observation`."""
    action_mask: np.ndarray
    """int8 [B, 303] 1 for a legal action."""
    rewards: np.ndarray
    """float64 [B] of the step."""
    terminations: np.ndarray
    """bool [B] whether the game has ended by its rules."""
    truncations: np.ndarray
    """bool [B] whether it has ended by its length."""
    position: np.ndarray
    """int64 [B] the present positions."""
    side: np.ndarray
    """int8 [B] the sides that see them."""
    illegal: np.ndarray
    """bool [B] whether an illegal action has ended the game."""


def new_games(number: int) -> Games:
    """Games at their start, seen from white."""
    return Games(
        positions=np.full((number, MOST_PLIES + 1), START, np.int64),
        plies=np.zeros(number, np.int64),
        states=np.full(number, PLAYING, np.int8),
        sides=np.zeros(number, np.int8),
    )


def new_seen(number: int) -> Seen:
    """Arrays for what a step shows."""
    return Seen(
        observation=np.zeros((number, OBSERVATION_SIZE), np.float32),
        action_mask=np.zeros((number, NUM_ACTIONS), np.int8),
        rewards=np.zeros(number),
        terminations=np.zeros(number, np.bool_),
        truncations=np.zeros(number, np.bool_),
        position=np.zeros(number, np.int64),
        side=np.zeros(number, np.int8),
        illegal=np.zeros(number, np.bool_),
    )


@jit
def _play(games: Games, game: int, action: int, code: int, scratch: np.ndarray) -> None:
    """Plays an action in one game, or ends the game if the action is not legal."""
    ply = games.plies[game]
    position = games.positions[game, ply]
    legal = False
    for i in range(legal_actions(position, code, scratch)):
        legal |= scratch[i] == action
    if not legal:
        games.states[game] = ILLEGAL
        return
    ply += 1
    position = step(position, action, code)
    games.plies[game] = ply
    games.positions[game, ply] = position
    if is_over(position, code):
        games.states[game] = WON
    elif occurrences(games.positions[game], ply) >= REPETITION_LIMIT:
        games.states[game] = REPEATED
    elif ply >= MOST_PLIES:
        games.states[game] = TOO_LONG


@jit
def play_all(
    games: Games, actions: np.ndarray, new: np.ndarray, code: int, first: int, last: int, scratch: np.ndarray
) -> None:
    """Plays the actions [B] of the callers, except in the games that are `new`, bool [B]."""
    for game in range(first, last):
        if not new[game]:
            _play(games, game, actions[game], code, scratch)


@jit
def play_some(games: Games, rows: np.ndarray, actions: np.ndarray, code: int, scratch: np.ndarray) -> None:
    """Plays one action [n] in each of the games with the numbers `rows` [n]."""
    for i in range(rows.shape[0]):
        _play(games, rows[i], actions[i], code, scratch)


@jit
def judge(games: Games, seen: Seen, first: int, last: int) -> None:
    """Writes rewards and ends."""
    for game in range(first, last):
        state = games.states[game]
        reward = 0.0
        if state == WON:
            loser = mover(games.positions[game, games.plies[game]])
            reward = -1.0 if loser == games.sides[game] else 1.0
        elif state == ILLEGAL:
            reward = ILLEGAL_REWARD
        seen.rewards[game] = reward
        seen.terminations[game] = state in (WON, REPEATED, ILLEGAL)
        seen.truncations[game] = state == TOO_LONG
        seen.illegal[game] = state == ILLEGAL


@jit
def _look(games: Games, seen: Seen, game: int, code: int, both: bool, scratch: np.ndarray) -> None:
    position = games.positions[game, games.plies[game]]
    if both:
        games.sides[game] = mover(position)
    side = games.sides[game]
    seen.position[game] = position
    seen.side[game] = side
    write_view(position, side, code, scratch, seen.observation[game], seen.action_mask[game])


@jit
def look_at_all(
    games: Games, seen: Seen, code: int, both: bool, first: int, last: int, scratch: np.ndarray
) -> None:
    """Writes what is seen. If the caller plays `both` sides, each game is seen from the side to move from now on."""
    for game in range(first, last):
        _look(games, seen, game, code, both, scratch)


@jit
def look_at_some(
    games: Games, seen: Seen, rows: np.ndarray, code: int, both: bool, scratch: np.ndarray
) -> None:
    """The same for the games with the numbers `rows` [n]."""
    for i in range(rows.shape[0]):
        _look(games, seen, rows[i], code, both, scratch)
