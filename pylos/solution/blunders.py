"""How often finished games threw away a win or a draw, by the exact values of their positions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pylos.game.rules import mover
from pylos.solution.tablebase import Tablebase

PLIES_PER_BUCKET = 10
BUCKETS = 7
"""The last one is open: it has all later plies."""
_POSITIONS_AT_A_TIME = 1 << 14


def count_blunders(
    tablebase: Tablebase,
    positions: npt.NDArray[np.int64],
    outcomes: npt.NDArray[np.float32],
    games: npt.NDArray[np.int64],
    plies: npt.NDArray[np.int16],
) -> npt.NDArray[np.int64]:
    """Counts over the actions of finished games, each game's after the other's.

    An action is a blunder if it left its player with less than the position was worth. Only decisions count,
    positions where that was possible. The last action of a game that was stopped by a limit is not known, and
    does not count.

    Args:
        tablebase: the values of the games' rules.
        positions: [N] the position before each action, as packed positions.
        outcomes: [N] the outcome of the game for the player who acts.
        games: [N] the number of the game.
        plies: [N] the actions before this one in its game.

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
    # At its end a game is won by the player of the last action; a draw by a limit is worth the same to both.
    left[ends] = 1
    known = np.ones(len(positions), np.bool_)
    known[ends] = (outcomes[ends] == 1) & (np.minimum.reduceat(outcomes, starts) == -1)

    rows = np.flatnonzero(known & (values >= 0))  # there is nothing to lose in a lost position
    rows = rows[_is_decision(tablebase, positions[rows], values[rows])]
    bucket = np.minimum(plies[rows] // PLIES_PER_BUCKET, BUCKETS - 1)
    counts[:, 0] = np.bincount(bucket, minlength=BUCKETS)
    counts[:, 1] = np.bincount(bucket[left[rows] < values[rows]], minlength=BUCKETS)
    return counts


def _is_decision(
    tablebase: Tablebase, positions: npt.NDArray[np.int64], values: npt.NDArray[np.int8]
) -> npt.NDArray[np.bool_]:
    """[N] whether some legal action leaves its player with less than the position [N] is worth."""
    decisions = np.zeros(len(positions), np.bool_)
    for start in range(0, len(positions), _POSITIONS_AT_A_TIME):
        rows = slice(start, start + _POSITIONS_AT_A_TIME)
        found = tablebase.probe_actions(positions[rows])
        decisions[rows] = np.minimum.reduceat(found.values, found.starts[:-1]) < values[rows]
    return decisions


def blunder_metrics(counts: npt.NDArray[np.int64]) -> dict[str, float | None]:
    """Blunders per decision, over all plies and by ply, from what ``count_blunders`` returned.

    Counts of several ranks may be added up. Where there was no decision, the rate is None.
    """
    name = "selfplay/blunder_rate"
    return {
        f"{name}_{_bucket_name(i - 1)}" if i else name: float(blunders / decisions) if decisions else None
        for i, (decisions, blunders) in enumerate([counts.sum(axis=0), *counts])
    }


def _bucket_name(bucket: int) -> str:
    first = bucket * PLIES_PER_BUCKET
    return f"ply_{first:02}_{first + PLIES_PER_BUCKET - 1:02}" if bucket < BUCKETS - 1 else f"ply_{first}_up"
