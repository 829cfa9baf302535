"""What the legal actions of a position are worth: exactly, and to a network and its search."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from pylos.errors import PlayerError, RulesError
from pylos.game.actions import action_name
from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.network.threads import single_threaded_torch
from pylos.players.network_player import NetworkPlayer
from pylos.players.player import Player
from pylos.search.findings import Findings
from pylos.search.history import history_of
from pylos.search.options import network_options
from pylos.search.search import Search
from pylos.search.softmax import legal_policy
from pylos.solution.tablebase import NO_DISTANCE, Tablebase, open_if_present

OUTCOMES = {1: "win", 0: "draw", -1: "loss"}
"""Exact values in words."""


class Row(NamedTuple):
    """A legal action. Its values are those for the player who acts; None stands for what is not known."""

    action: int
    """Its id, 0 to 302."""
    name: str
    """Its name, such as `1B2`; `Board.push` takes either."""
    exact: int | None = None
    """With best play 1 for a win, 0 for a draw, -1 for a loss."""
    distance: int | None = None
    """Turns to the end with best play, this one included; None for a draw, too."""
    prior: float | None = None
    """The network's probability among the legal actions."""
    visits: int | None = None
    """How often the search took it. A search stops as soon as it has proven the position won or lost."""
    mean: float | None = None
    """What the search found it worth, from -1 to 1; None if the search never took it."""
    improved: float | None = None
    """Its probability by the search's improved policy. The player takes the likeliest."""


def analyse(
    board: Board, tablebase: Tablebase | Literal["auto"] | None = "auto", player: Player | None = None
) -> list[Row]:
    """Judges the legal actions of a position: the exact solution does, a network does, or both.

    Exact values need a solution of the board's rules, which `pylos solve` or `pylos.solve` computes once. With
    `pylos solve --rules mini-standard --distance` done:

    >>> from pylos import Board, analyse
    >>> best = analyse(Board("mini-standard"))[0]
    >>> best.name, best.exact, best.distance
    ('2B2', 1, 15)

    A network comes as a player: `analyse(board, player=pylos.make_player("reference"))`.

    Args:
        board: the position, and the game that led to it: what it repeats is a draw to the search.
        tablebase: gives the exact values. "auto" opens the solution of the board's rules if there is one here. For
            many positions, open a `pylos.Tablebase` once. None does without exact values.
        player: a player with a network, such as `pylos.make_player` makes from a checkpoint or from "reference". It
            gives the prior. If it has simulations, it also searches with them, without noise.

    Returns:
        A row for each legal action, the best first; none if the game is over. The best is decided by the exact value,
        where the shortest win and the longest loss come first, then by the improved policy, the visits and the prior.

    Raises:
        RulesError: the board is of other rules than the tablebase or the player.
        TableError: the solution that "auto" found is damaged.
        PlayerError: the player has no network.
        NonFiniteNetworkError: the network's answers are not finite numbers.
    """
    if tablebase == "auto":
        tablebase = open_if_present(board.rules)
    rows = [Row(action, action_name(action, board.pending)) for action in board.legal_actions.tolist()]
    if tablebase is not None:
        rows = with_truth(rows, board, tablebase)
    if player is not None and not isinstance(player, NetworkPlayer):
        raise PlayerError(f"{player.name} has no network to ask; a checkpoint's player has one")
    if player is not None and rows:
        priors = zip(rows, network_opinion(board, player)[1].tolist(), strict=True)
        rows = [row._replace(prior=prior) for row, prior in priors]
        if player.simulations:
            rows = _add_search(board, player, rows)
    return best_first(rows)


def with_truth(rows: list[Row], board: Board, tablebase: Tablebase) -> list[Row]:
    """The rows of a position's legal actions with their exact values. They stay in their order.

    Raises:
        RulesError: the board is of other rules than the tablebase.
    """
    found = tablebase.probe_actions([board])
    worths = zip(found.actions.tolist(), found.values.tolist(), found.distances.tolist(), strict=True)
    truth = {action: (value, _known(distance)) for action, value, distance in worths}
    return [row._replace(exact=truth[row.action][0], distance=truth[row.action][1]) for row in rows]


def searched_rows(findings: Findings, place: int) -> list[Row]:
    """The rows of the legal actions of a position that was searched, the best first. Exact values are not in them.

    Args:
        findings: of searches.
        place: which of them.
    """
    part, found = findings.part(place), findings
    columns = (found.actions, found.pending[:, 0], found.priors, found.visits, found.means, found.weights)
    numbers = [column[part].tolist() for column in columns]
    total = sum(numbers[-1])
    return [
        Row(
            action,
            action_name(action, pending),
            prior=prior,
            visits=visits,
            mean=None if math.isnan(mean) else mean,
            improved=weight / total,
        )
        for action, pending, prior, visits, mean, weight in zip(*numbers, strict=True)
    ]


def best_first(rows: list[Row]) -> list[Row]:
    """The rows in the order that `analyse` describes."""
    return sorted(rows, key=_merit)


def network_opinion(board: Board, player: NetworkPlayer) -> tuple[float, np.ndarray]:
    """The network's value of a position and its probabilities [n] of the legal actions, as the search gets them.

    Raises:
        RulesError: the player plays by other rules than the board's.
        NonFiniteNetworkError: the answers are not finite numbers.
    """
    if board.rules != player.rules:
        raise RulesError(f"{player.name} plays {player.rules!r} rules, the board is {board.rules!r}")
    evaluate = player.evaluator if player.simulations else player.network
    values, log_policy = evaluate(np.array([board.position]))
    return float(values[0]), legal_policy(log_policy[0], board.legal_actions)


def _add_search(board: Board, player: NetworkPlayer, rows: list[Row]) -> list[Row]:
    """The rows with what the player's search finds."""
    search = Search(1, rules_code(board.rules), network_options(player.simulations))
    with single_threaded_torch():
        position, history = np.array([board.position]), history_of([board.positions[:-1]])
        search.run(position, player.evaluator, np.zeros(1, np.int64), history)
    found = {row.action: row for row in searched_rows(search.first_findings(), 0)}
    return [
        row._replace(visits=of.visits, mean=of.mean, improved=of.improved)
        for row in rows
        for of in [found[row.action]]
    ]


def _known(distance: int) -> int | None:
    return None if distance == NO_DISTANCE else distance


def _merit(row: Row) -> tuple[float, ...]:
    """What rows are sorted by, ascending: the best has the least."""
    exact, distance = row.exact or 0, row.distance or 0
    searched = -(row.improved or 0.0), -(row.visits or 0)
    return -exact, exact * distance, *searched, -(row.prior or 0.0), row.action
