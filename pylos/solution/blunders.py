"""Counts how often finished games threw away a win or a draw, by the exact values of their positions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pylos.game.position import mover
from pylos.solution.tablebase import Tablebase

PLIES_PER_BUCKET = 10
BUCKETS = 7
"""The last bucket has all later plies."""
_POSITIONS_AT_A_TIME = 1 << 14


def count_blunders(
    tablebase: Tablebase,
    positions: npt.NDArray[np.int64],
    outcomes: npt.NDArray[np.float32],
    games: npt.NDArray[np.int64],
    plies: npt.NDArray[np.int16],
) -> npt.NDArray[np.int64]:
    """Counts decisions and blunders among the actions of finished games.

    An action is a blunder if it left its player with less than the position was worth. Only decisions count: positions
    where a blunder was possible. The last action of a game that was stopped by a limit does not count, because it is
    not known.

    Args:
        tablebase: the values of the games' rules.
        positions: [N] the packed position before each action, one game's after the other's.
        outcomes: [N] the outcome of the game for the player who acts.
        games: [N] the number of the game.
        plies: [N] how many actions came before in the game.

    Returns:
        [7, 2] the number of decisions and of blunders among them, by ply: 0 to 9, 10 to 19, ..., 60 and more.
    """
    counts = np.zeros((BUCKETS, 2), np.int64)
    if not len(positions):
        return counts
    starts = np.flatnonzero(np.diff(games, prepend=games[0] - 1))
    ends = np.append(starts[1:], len(positions)) - 1

    values, _ = tablebase.probe(positions)
    passed = mover(positions[1:]) != mover(positions[:-1])
    left = np.append(np.where(passed, -values[1:], values[1:]), 1)  # what the action left its player with
    # The player of the last action wins, unless a limit ended the game: then the outcome is the same for both players.
    left[ends] = 1
    known = np.ones(len(positions), np.bool_)
    known[ends] = (outcomes[ends] == 1) & (np.minimum.reduceat(outcomes, starts) == -1)

    rows = np.flatnonzero(known & (values >= 0))  # a lost position leaves nothing to throw away
    rows = rows[_is_decision(tablebase, positions[rows], values[rows])]
    bucket = np.minimum(plies[rows] // PLIES_PER_BUCKET, BUCKETS - 1)
    counts[:, 0] = np.bincount(bucket, minlength=BUCKETS)
    counts[:, 1] = np.bincount(bucket[left[rows] < values[rows]], minlength=BUCKETS)
    return counts


def _is_decision(
    tablebase: Tablebase, positions: npt.NDArray[np.int64], values: npt.NDArray[np.int8]
) -> npt.NDArray[np.bool_]:
    """Whether some legal action leaves its player with less than the position is worth.

    Args:
        tablebase: the values.
        positions: [N] packed positions in which the game goes on.
        values: [N] what they are worth.

    Returns:
        [N] whether there is such an action.
    """
    decisions = np.zeros(len(positions), np.bool_)
    for start in range(0, len(positions), _POSITIONS_AT_A_TIME):
        rows = slice(start, start + _POSITIONS_AT_A_TIME)
        found = tablebase.probe_actions(positions[rows])
        decisions[rows] = np.minimum.reduceat(found.values, found.starts[:-1]) < values[rows]
    return decisions


def blunder_metrics(counts: npt.NDArray[np.int64]) -> dict[str, float | None]:
    """Blunders per decision, by the names under which they are logged.

    Args:
        counts: [7, 2] what `count_blunders` returned, added up over all ranks.

    Returns:
        The rate over all plies and the rates by ply, None where there was no decision.
    """
    name = "selfplay/blunder_rate"
    return {
        f"{name}_{_bucket_name(i - 1)}" if i else name: float(blunders / decisions) if decisions else None
        for i, (decisions, blunders) in enumerate([counts.sum(axis=0), *counts])
    }


def _bucket_name(bucket: int) -> str:
    first = bucket * PLIES_PER_BUCKET
    return f"ply_{first:02}_{first + PLIES_PER_BUCKET - 1:02}" if bucket < BUCKETS - 1 else f"ply_{first}_up"
