"""How a game ends: without a move, by repetition, or after too many plies. Matches and the page share these limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from pylos.errors import IllegalActionError
from pylos.game.board import BLACK, WHITE, Board, Side
from pylos.game.position import mover
from pylos.game.rules import is_over, rules_code

REPETITION_LIMIT = 3
"""How often a position must occur for a draw. Positions in the middle of a turn count, too."""
MOST_PLIES = 200
"""Actions after which a game is a draw."""


class Outcome(NamedTuple):
    """How a game has ended."""

    winner: Side | None
    """None for a draw."""
    reason: Literal["no_move", "repetition", "move_limit"]

    @property
    def text(self) -> str:
        """The outcome in words."""
        if self.winner is not None:
            loser = "black" if self.winner == "white" else "white"
            return f"{self.winner.capitalize()} has won: {loser} cannot move."
        if self.reason == "repetition":
            return f"A draw: the same position has occurred {REPETITION_LIMIT} times."
        return f"A draw: {MOST_PLIES} actions have been played."


def outcome_on(board: Board) -> Outcome | None:
    """How the game on a board has just ended; None if it goes on. What went before the present ply is not tested."""
    return outcome_after(board.positions, rules_code(board.rules))


def outcome_after(positions: Sequence[int], code: int) -> Outcome | None:
    """The same of a game given by all its packed positions, the present one last, and the rule set's code."""
    position = positions[-1]
    if is_over(position, code):
        return Outcome(BLACK if mover(position) == 0 else WHITE, "no_move")
    if positions.count(position) >= REPETITION_LIMIT:
        return Outcome(None, "repetition")
    return Outcome(None, "move_limit") if len(positions) > MOST_PLIES else None


def play_on(board: Board, action: int | str) -> None:
    """Pushes an action or a whole turn, unless the game is over.

    Raises:
        IllegalActionError: it is not legal, or the game is over; the board is as before.
    """
    if outcome := outcome_on(board):
        raise IllegalActionError(f"the game is over. {outcome.text}")
    board.push(action)


def outcome_of(rules: str, start: str | None, actions: Iterable[int]) -> Outcome | None:
    """How a game has ended; None if it goes on.

    Args:
        rules: name of the rule set.
        start: the text of the position in which it began; None is the empty board.
        actions: ids of all its actions.

    Raises:
        RulesError: there is no such rule set.
        PositionError: the start cannot be read or cannot occur.
        IllegalActionError: an action is not legal, or follows the end.
    """
    board = Board(rules) if start is None else Board.from_text(start, rules)
    for action in actions:
        play_on(board, action)
    return outcome_on(board)
