"""Puzzles: positions of the suite where it is known of every whole turn whether it keeps the value.

The suite knows what the actions of a position are worth, not what the turns are. So a position is a puzzle only if
every action that keeps the value ends the turn, as a place without a take-back does, or the last ball of a take-back.
Then the turns that keep the value are these actions and no others: what begins with another action has lost it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pylos.errors import IllegalActionError
from pylos.game.board import Board
from pylos.game.position import mover
from pylos.game.rules import STOP, rules_code, step
from pylos.kernels.randomness import derive_key, draw_below
from pylos.search.softmax import legal_policy
from pylos.truth.suite import STRATA, Suite

MIDDLE_RATING = 2000
"""The rating of a puzzle that the bare policy solves every other time."""
_NEAREST = 100
"""From how many puzzles, those nearest to a rating, one is drawn."""
_BATCH = 1024
_WORDS = {1: "win", 0: "draw", -1: "loss"}

Evaluate = Callable[[npt.NDArray[np.int64]], tuple[np.ndarray, np.ndarray]]
"""Values [B] and log policies [B, 303] of positions [B]."""


class Verdict(NamedTuple):
    """What a turn does to the value of a puzzle."""

    kept: bool
    value_after: int
    """1, 0 or -1 for the player who moved; with the best take-back, if the turn has one."""
    text: str
    """One sentence about it."""


@dataclass(frozen=True)
class Puzzles:
    """The puzzles of one rule set; their numbers run from 1."""

    suite: Suite
    rows: npt.NDArray[np.int64]
    """[P] the rows of the suite."""
    solved: npt.NDArray[np.float64]
    """[P] how likely the policy solves each if it draws its action; without a policy, how likely a random action is."""
    ratings: npt.NDArray[np.int64]
    """[P] how hard each is, as an Elo: see `rating_of`."""

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, number: int) -> int:
        """The row of a puzzle in the suite.

        Raises:
            IndexError: there is no puzzle with this number.
        """
        if not 1 <= number <= len(self):
            raise IndexError(f"the {self.suite.rules} rules have puzzles 1 to {len(self)}, not {number}")
        return int(self.rows[number - 1])

    def board(self, number: int) -> Board:
        """The position of a puzzle."""
        return Board.from_position(self.suite.positions[self.row(number)], self.suite.rules)

    def stratum(self, number: int) -> str:
        """The name of its stratum."""
        return STRATA[self.suite.strata[self.row(number)]]

    def value(self, number: int) -> int:
        """What its position is worth to the player who moves: 1 or 0."""
        return int(self.suite.values[self.row(number)])

    def asks(self, number: int) -> str:
        """What it asks for, as a sentence."""
        board = self.board(number)
        keep = "keep the win" if self.value(number) > 0 else "keep the draw"
        if board.pending == 2:
            none = ", or none" if STOP in board.legal_actions else ""
            return f"White may take back one or two balls{none}: {keep}."
        if board.pending == 1:
            return f"White has taken back one ball and may take another or stop: {keep}."
        return f"White to move: {keep}."

    def keeping_turns(self, number: int) -> list[str]:
        """All turns that keep the value."""
        keeping = np.flatnonzero(self.suite.keeping[self.row(number)]).tolist()
        return [_turn_text(self.board(number), [action]) for action in keeping]

    def judge(self, number: int, actions: list[int]) -> Verdict:
        """Judges a whole turn.

        Raises:
            IllegalActionError: an action is not legal, the turn is not finished, or there is more than one.
        """
        row, board = self.row(number), self.board(number)
        turn = _turn_text(board, actions)
        first, value = actions[0], self.value(number)
        after = int(self.suite.action_values[row, first])
        if self.suite.keeping[row, first]:
            return Verdict(True, value, f"Right: {turn} keeps the {_WORDS[value]}.")
        # Of a turn with a take-back only the best is known.
        best = "at best " if len(actions) > 1 and after > -1 else ""
        return Verdict(
            False, after, f"{turn} gives the {_WORDS[value]} away: it leads to {best}a {_WORDS[after]}."
        )

    def near(self, rating: int | None, stratum: str | None, seed: int) -> int | None:
        """Draws the number of a puzzle.

        Args:
            rating: puzzles near it are drawn from; None stands for all.
            stratum: None stands for all.
            seed: the same seed draws the same puzzle.

        Returns:
            The number, or None if the stratum has no puzzles.
        """
        wanted = slice(None) if stratum is None else self.suite.strata[self.rows] == STRATA.index(stratum)
        numbers = np.arange(1, len(self) + 1)[wanted]
        if rating is not None:
            numbers = numbers[np.argsort(abs(self.ratings[numbers - 1] - rating), kind="stable")[:_NEAREST]]
        return self._drawn(numbers, "puzzle", stratum or "", seed)

    def daily(self, date: str) -> int:
        """The number of the puzzle of a day: neither an easy one nor one of the hardest quarter."""
        by_rating = np.argsort(self.ratings, kind="stable") + 1
        number = self._drawn(by_rating[len(self) // 2 : -(len(self) // 4) or None], "daily puzzle", date)
        assert number is not None
        return number

    def _drawn(self, numbers: npt.NDArray[np.int64], *names: str | int) -> int | None:
        key = derive_key(self.suite.rules, *names)
        return int(numbers[draw_below(key, 0, len(numbers))]) if len(numbers) else None


def make_puzzles(suite: Suite, evaluate: Evaluate | None) -> Puzzles:
    """Finds and rates the puzzles of a suite.

    Args:
        suite: the positions and the truth.
        evaluate: its bare policy rates them; None stands for uniformly random actions.

    Raises:
        NonFiniteNetworkError: the answers of the network are not finite numbers.
    """
    code = rules_code(suite.rules)

    def is_puzzle(row: int) -> bool:
        position = int(suite.positions[row])
        turns = (step(position, int(action), code) for action in np.flatnonzero(suite.keeping[row]))
        return all(mover(after) != mover(position) for after in turns)

    rows = np.array([row for row in range(len(suite)) if is_puzzle(row)], np.int64)
    solved = suite.uniform_accuracy[rows] if evaluate is None else _policy_share(suite, rows, evaluate)
    return Puzzles(suite, rows, solved, np.array([rating_of(share) for share in solved], np.int64))


def rating_of(solved: float) -> int:
    """The rating of a puzzle that the policy solves with this probability, by the formula of the Elo scale.

    A player of that rating solves it every other time. Beyond one in a thousand the scale ends.
    """
    share = min(max(solved, 0.001), 0.999)
    return round(MIDDLE_RATING + 400 * float(np.log10((1 - share) / share)))


def _policy_share(suite: Suite, rows: npt.NDArray[np.int64], evaluate: Evaluate) -> npt.NDArray[np.float64]:
    """How likely the policy draws an action that keeps the value, [P]."""
    shares = []
    for first in range(0, len(rows), _BATCH):
        some = rows[first : first + _BATCH]
        for row, log_policy in zip(some, evaluate(suite.positions[some])[1], strict=True):
            legal = np.flatnonzero(suite.legal[row])
            shares.append(float(legal_policy(log_policy, legal)[suite.keeping[row, legal]].sum()))
    return np.array(shares)


def _turn_text(board: Board, actions: list[int]) -> str:
    """Plays exactly one whole turn on a board; returns its text.

    Raises:
        IllegalActionError: an action is not legal, or these are not exactly one turn.
    """
    side = board.turn
    for action in actions:
        if board.turn != side:
            raise IllegalActionError("a puzzle asks for one turn, not for more")
        board.push(action)
    if board.turn == side:
        raise IllegalActionError("the turn is not finished")
    return board.last_turn
