"""What a search has found so far, as people and programs read it."""

from __future__ import annotations

from typing import NamedTuple

from pylos.analysis.rows import Row, best_first, with_search
from pylos.game.actions import action_name
from pylos.game.notation import join_turns
from pylos.game.position import take_backs
from pylos.search.pool import SearchPool

LINE_TURNS = 8
"""The most turns of a line."""
_LINE_ACTIONS = 3 * LINE_TURNS


class Report(NamedTuple):
    """What a search has found after some of its simulations."""

    simulations: int
    """How many it has made."""
    done: bool
    """Whether it has ended: it is the last report."""
    value: float
    """What the position is worth to the player to move, from -1 to 1; exactly 1 or -1 where it is proven."""
    rows: list[Row]
    """The legal actions, the best first; none if the game is over. Exact values are not in them."""
    lines: list[list[str]]
    """For each row the turns that the search expects, the first of which begins with the row's action."""
    error: str | None = None
    """Why the search failed; then it is the last report, and nothing else in it has a meaning."""


def read_report(pool: SearchPool, row: int, position: int, simulations: int, done: bool) -> Report:
    """Reads a report from an evaluated search.

    Args:
        pool: where it is.
        row: of the search.
        position: its packed position.
        simulations: how many it has made.
        done: whether this is its last report.
    """
    result, root, pending = pool.result(row), pool.edges(row), take_backs(position)
    pairs = zip(root.actions.tolist(), root.priors.tolist(), strict=True)
    rows = [Row(action, action_name(action, pending), prior=prior) for action, prior in pairs]
    lines = {actions[0]: _turns(actions, before) for actions, before in pool.lines(row, _LINE_ACTIONS)}
    best = best_first(with_search(rows, root, result))
    return Report(simulations, done, float(result.values[0]), best, [lines[r.action] for r in best])


def failed_report(error: str) -> Report:
    """The last report of a search that failed."""
    return Report(0, True, 0.0, [], [], error)


def _turns(actions: list[int], pending: list[int]) -> list[str]:
    """A line as turns, see `SearchPool.lines`. A last turn that the search does not know whole is left out."""
    turns = join_turns(zip(pending, actions, strict=False))
    if pending[-1] and len(turns) > 1:
        turns.pop()
    return turns[:LINE_TURNS]
