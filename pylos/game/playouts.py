"""Random playouts as compiled kernels: games that go on with uniformly random actions to their end."""

from __future__ import annotations

from pylos.game.position import mover, own_cells, take_backs
from pylos.game.rules import (
    APEX,
    OPTIONAL,
    PAIR_BASE,
    RAISED_TO,
    STOP,
    balls_per_player,
    occupied_cells,
    step,
    supported_cells,
    uncovered_cells,
)
from pylos.kernels.bits import lowest_bit, popcount
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw

NO_ACTION = -1
"""What stands for the random action of a player who cannot move."""


@jit
def _nth_bit(mask: int, n: int) -> int:
    """The index of the set bit that has n set bits below it."""
    while n:
        mask &= mask - 1
        n -= 1
    return lowest_bit(mask)


@jit
def _random_take_back(free: int, may_stop: bool, bits: int) -> int:
    n = (bits >> 31) * (popcount(free) + may_stop) >> 32
    if may_stop:
        if n == 0:
            return STOP
        n -= 1
    return PAIR_BASE[_nth_bit(free, n)] + APEX


@jit
def random_action(position: int, code: int, bits: int) -> int:
    """The legal action, uniformly distributed, that 63 random bits choose; NO_ACTION where there is none."""
    own = own_cells(position)
    occupied = occupied_cells(position, code)
    pending = take_backs(position)
    if pending:
        return _random_take_back(own & uncovered_cells(occupied), bool(pending == 1 or code & OPTIONAL), bits)
    supported = supported_cells(occupied)
    places = 0
    if popcount(own) < balls_per_player(code):
        places = popcount(supported)
    total = places
    sources = 0
    if supported >> 16:  # else no cell is high enough to raise a ball to it
        sources = own & uncovered_cells(occupied)
    left = sources
    while left:
        total += popcount(supported & RAISED_TO[lowest_bit(left)])
        left &= left - 1
    if total == 0:
        return NO_ACTION
    n = (bits >> 31) * total >> 32
    if n < places:
        return _nth_bit(supported, n)
    n -= places
    while True:
        source = lowest_bit(sources)
        targets = supported & RAISED_TO[source]
        count = popcount(targets)
        if n < count:
            return PAIR_BASE[source] + _nth_bit(targets, n)
        n -= count
        sources &= sources - 1


@jit
def playout(position: int, code: int, key: int, limit: int) -> tuple[float, int]:
    """Plays a game to its end with random actions.

    Args:
        position: the position to start from.
        code: the rule set's code.
        key: the key of the random draws.
        limit: the number of actions after which the game is a draw.

    Returns:
        The outcome for the player to move at the start (1, 0 or -1), and the number of actions played.
    """
    starter = mover(position)
    for ply in range(limit):
        action = random_action(position, code, draw(key, ply))
        if action == NO_ACTION:
            return -1.0 if mover(position) == starter else 1.0, ply
        position = step(position, action, code)
    return 0.0, limit


@jit
def playouts(position: int, code: int, key: int, games: int, limit: int) -> tuple[float, int]:
    """The mean outcome of many playouts, and the number of all their actions."""
    outcomes = 0.0
    actions = 0
    for game in range(games):
        outcome, plies = playout(position, code, draw(key, game), limit)
        outcomes += outcome
        actions += plies
    return outcomes / games, actions
