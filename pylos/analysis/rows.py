"""What the legal actions of a position are worth: exactly, and to a network and its search."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pylos.errors import RulesError
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.players.network_player import NetworkPlayer
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.search.softmax import legal_policy
from pylos.solution.tablebase import NO_DISTANCE, Tablebase

OUTCOMES = {1: "win", 0: "draw", -1: "loss"}


class Row(NamedTuple):
    """A legal action. All values are those for the player who acts; None stands for what was not asked."""

    action: int
    """Its id."""
    name: str
    """Its name."""
    exact: int | None = None
    """1 for a win, 0 for a draw, -1 for a loss with best play."""
    distance: int | None = None
    """Turns to the end with best play, the one of the action included; None for a draw, too."""
    prior: float | None = None
    """The network's probability among the legal actions."""
    visits: int | None = None
    """How often the search took it. A search stops as soon as it has proven the position won or lost."""
    mean: float | None = None
    """What the search found it worth, from -1 to 1; None if it never looked at it."""
    improved: float | None = None
    """Its probability by the search's improved policy: the player plays the likeliest."""


def analyse(
    board: Board, tablebase: Tablebase | None = None, player: NetworkPlayer | None = None
) -> list[Row]:
    """Judges the legal actions of a position.

    Args:
        board: the position.
        tablebase: gives the exact values.
        player: gives the prior and, if it has any simulations, searches with them, without noise.

    Returns:
        A row for each legal action, none if the game is over. The best comes first: by exact value, where a won
        one hurries and a lost one delays; then by the improved policy, visits and prior.

    Raises:
        RulesError: the board is of other rules than the tablebase or the player.
    """
    rows = [Row(action, action_name(action, board.pending)) for action in board.legal_actions.tolist()]
    if tablebase is not None:
        found = tablebase.probe_actions([board])
        worths = zip(rows, found.values.tolist(), found.distances.tolist(), strict=True)
        rows = [row._replace(exact=value, distance=_known(distance)) for row, value, distance in worths]
    if player is not None and rows:
        priors = zip(rows, ask(board, player)[1].tolist(), strict=True)
        rows = [row._replace(prior=prior) for row, prior in priors]
        if player.simulations:
            rows = _search(board, player, rows)
    return sorted(rows, key=_merit)


def _search(board: Board, player: NetworkPlayer, rows: list[Row]) -> list[Row]:
    """The rows with what the player's search, without noise, makes of them."""
    from pylos.network.threads import single_threaded_torch  # torch takes seconds, and only a player needs it

    search = Search(1, rules_code(board.rules), network_options(player.simulations))
    with single_threaded_torch():
        result = search.run(np.array([board.position]), player.evaluator, np.zeros(1, np.int64))
    pairs = zip(result.actions[0].tolist(), result.weights[0].tolist(), strict=True)
    weights = {action: weight for action, weight in pairs if weight}
    root = search.first_root()
    edges = zip(rows, root.visits.tolist(), root.values.tolist(), strict=True)
    return [
        row._replace(
            visits=visits,
            mean=None if math.isnan(mean) else mean,
            improved=weights.get(row.action, 0) / sum(weights.values()),
        )
        for row, visits, mean in edges
    ]


def _known(distance: int) -> int | None:
    return None if distance == NO_DISTANCE else distance


def ask(board: Board, player: NetworkPlayer) -> tuple[float, np.ndarray]:
    """The network's value of a position and its probabilities [n] of the legal actions, as the search sees them."""
    if board.rules != player.rules:
        raise RulesError(f"{player.name} plays {player.rules!r} rules, the board is {board.rules!r}")
    evaluate = player.evaluator if player.simulations else player.network
    values, log_policy = evaluate(np.array([board.position]))
    return float(values[0]), legal_policy(log_policy[0], board.legal_actions)


def _merit(row: Row) -> tuple[float, ...]:
    """What rows are sorted by, the best first."""
    exact, distance = row.exact or 0, row.distance or 0
    searched = -(row.improved or 0.0), -(row.visits or 0)
    return -exact, exact * distance, *searched, -(row.prior or 0.0), row.action
