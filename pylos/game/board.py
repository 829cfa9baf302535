"""`Board`: a game in progress, the friendly face of `pylos.game.rules`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Literal, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from pylos.errors import IllegalActionError, PositionError
from pylos.game import rules as kernels
from pylos.game.actions import action_name, parse_action
from pylos.game.drawing import ascii_drawing, svg
from pylos.game.notation import (
    find_flaw,
    format_position,
    illegal_sentence,
    parse_position,
    reserves,
    split_turn,
)
from pylos.game.rules import ACTION_SOURCE, ACTION_TARGET, APEX, NUM_ACTIONS, START, STOP, rules_code
from pylos.game.turns import count_turns

Side = Literal["white", "black"]
WHITE: Side = "white"
BLACK: Side = "black"
"""A side is its name, so that ``winner`` prints well and is never false for one of them."""


class Reserves(NamedTuple):
    """Balls not on the board."""

    white: int
    black: int


class Board:
    """A position, the rules it is played by, and how it came about.

    Boards are equal when position and rules are: the history does not count. The hash follows, so do not push
    on a board that is a key.

    >>> board = Board()
    >>> board.push("1B2")
    >>> board.turn, board.reserves
    ('black', Reserves(white=14, black=15))
    >>> board.text
    '.....w........../........./..../. b 0'

    Args:
        rules: the rule set: children, standard, mature, standard-optional or mature-optional,
            each on the small board too, as mini-standard and so on.

    Raises:
        RulesError: there is no such rule set.
    """

    def __init__(self, rules: str = "standard") -> None:
        self._code = rules_code(rules)
        self._rules = rules
        self._position = START
        self._history: list[tuple[int, int]] = []  # (the position before it, the action)

    @classmethod
    def from_text(cls, text: str, rules: str = "standard") -> Board:
        """A board without history, from a position text.

        Raises:
            PositionError: the text cannot be read or the position cannot occur; the message says why.
            RulesError: there is no such rule set.
        """
        board = cls(rules)
        board._position = parse_position(text, rules)
        return board

    @classmethod
    def from_position(cls, position: SupportsIndex, rules: str = "standard") -> Board:
        """A board without history, from a packed position (see `pylos.game.rules`).

        Raises:
            PositionError: the position cannot occur.
            RulesError: there is no such rule set.
        """
        board = cls(rules)
        board._position = operator.index(position)
        if flaw := find_flaw(board._position, rules):
            raise PositionError(f"position {board._position}: {flaw}")
        return board

    # What is on the board

    @property
    def rules(self) -> str:
        """The name of the rule set."""
        return self._rules

    @property
    def position(self) -> int:
        """The packed position, as the kernels in `pylos.game.rules` take it."""
        return self._position

    @property
    def text(self) -> str:
        """The position as text; `from_text` reads it."""
        return format_position(self._position)

    @property
    def turn(self) -> Side:
        """Who acts next: ``"white"`` or ``"black"``. The same side again while a take-back is pending."""
        return BLACK if kernels.mover(self._position) else WHITE

    @property
    def pending(self) -> int:
        """Balls that may still be taken back: 0, 2 after a formation, 1 after the first ball."""
        return kernels.take_backs(self._position)

    @property
    def reserves(self) -> Reserves:
        """The balls that each side still holds."""
        return Reserves(*reserves(self._position, self._code))

    @property
    def legal_actions(self) -> npt.NDArray[np.int64]:
        """[n] the ids of the legal actions, ascending; empty when the game is over."""
        out = np.empty(NUM_ACTIONS, np.int64)
        return out[: kernels.legal_actions(self._position, self._code, out)]

    @property
    def is_over(self) -> bool:
        """Whether the side to move cannot move, and so has lost."""
        return kernels.is_over(self._position, self._code)

    @property
    def winner(self) -> Side | None:
        """``"white"`` or ``"black"`` once the game is over, None before."""
        if not self.is_over:
            return None
        return WHITE if self.turn == BLACK else BLACK

    # Moving

    def push(self, action: SupportsIndex | str) -> None:
        """Plays an action or a whole turn.

        A name of one action (``1B2``, ``1B2^2A1``, ``-1B2``, ``=``) or an id is one step: after a formation
        the same side acts again. Several steps written together (``1B2-1A1``, ``1B2-1A1-1C3``) are a whole
        turn: what could still be taken back after them is not. ``1B2=`` is the turn that takes back nothing
        where that is allowed.

        Raises:
            IllegalActionError: the action does not exist or is not legal; the board is as before.
        """
        if isinstance(action, str):
            steps = [(parse_action(name), name) for name in split_turn(action)]
        else:
            steps = [(operator.index(action), "")]
        position, length = self._position, len(self._history)
        try:
            for step, name in steps:
                self._push_step(step, name)
        except IllegalActionError:
            self._position = position
            del self._history[length:]
            raise
        if len(steps) > 1 and self.pending == 1:
            self._push_step(STOP)

    def _push_step(self, action: int, name: str = "") -> None:
        """Plays one action; the name, where one was given, tells a stop from the apex."""
        if not 0 <= action < NUM_ACTIONS:
            raise IllegalActionError(f"there is no action {action}; ids run from 0 to {NUM_ACTIONS - 1}")
        if name and action == STOP and (name == "=") != (self.pending > 0):
            reason = "a take-back is pending" if self.pending else "no take-back is pending"
            raise IllegalActionError(f"{name} is not legal in {self.text!r}: {reason}")
        if action not in self.legal_actions:
            raise IllegalActionError(illegal_sentence(self._position, action, self._code))
        self._history.append((self._position, action))
        self._position = kernels.step(self._position, action, self._code)

    def pop(self) -> int:
        """Undoes the last step (of a turn with a take-back, one step only) and returns its action.

        Raises:
            IndexError: nothing was pushed.
        """
        if not self._history:
            raise IndexError("pop from a board on which nothing was pushed")
        self._position, action = self._history.pop()
        return action

    # How it came about

    @property
    def actions(self) -> tuple[int, ...]:
        """The steps since the board was made, oldest first."""
        return tuple(action for _, action in self._history)

    @property
    def turns(self) -> list[str]:
        """The turns since the board was made, each as `push` reads it; the last may be unfinished."""
        turns: list[str] = []
        for position, action in self._history:
            pending = kernels.take_backs(position)
            if pending == 0 or not turns:
                turns.append(action_name(action, pending))
            elif action != STOP or pending == 2 or turns[-1].startswith("-"):
                # A stop after the first ball goes without saying in a turn that is written from its start.
                turns[-1] += action_name(action, pending)
        return turns

    @property
    def last_turn(self) -> str:
        """The last turn, or what is played of it, such as ``1B2-1A1``; empty before the first."""
        return self.turns[-1] if self._history else ""

    @property
    def last_cells(self) -> tuple[int, ...]:
        """The cells on which the last turn put or from which it took a ball, in order."""
        cells: list[int] = []
        for position, action in reversed(self._history):
            source, target = int(ACTION_SOURCE[action]), int(ACTION_TARGET[action])
            pending = kernels.take_backs(position)
            cells[:0] = [c for c in (source, target) if c >= 0 and not (pending and c == APEX)]
            if not pending:
                break
        return tuple(cells)

    def copy(self) -> Board:
        """A board that can be played on without changing this one."""
        board = Board(self._rules)
        board._position = self._position
        board._history = self._history.copy()
        return board

    # What Python shows of it

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Board):
            return NotImplemented
        return self._position == other._position and self._rules == other._rules

    def __hash__(self) -> int:
        return hash((self._position, self._rules))

    def __repr__(self) -> str:
        return f"Board.from_text({self.text!r}, rules={self._rules!r})"

    def __str__(self) -> str:
        return ascii_drawing(self._position, self._code)

    def _repr_svg_(self) -> str:
        return svg(self._position, self._code, last=self.last_cells)


def perft(board: Board, depth: int) -> int:
    """Counts the sequences of ``depth`` whole turns.

    A set of balls taken back counts once, whatever the order. On a board with a pending take-back the first
    turn is what remains of that one.

    >>> perft(Board(), 3)
    3360

    Raises:
        ValueError: the depth is negative.
    """
    if depth < 0:
        raise ValueError(f"depth is a number of turns, at least 0, but got {depth}")
    code = rules_code(board.rules)
    if depth == 0 or not board.pending:
        return count_turns(board.position, depth, code)
    return sum(count_turns(position, depth - 1, code) for position in _ends_of_turn(board))


def _ends_of_turn(board: Board) -> set[int]:
    """The packed positions in which the pending take-back can end."""
    if not board.pending:
        return {board.position}
    ends: set[int] = set()
    for action in board.legal_actions:
        board = board.copy()
        board.push(action)
        ends |= _ends_of_turn(board)
        board.pop()
    return ends


def as_positions(boards: Sequence[Board] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The packed positions [B] of boards, or of an array that holds them already.

    Raises:
        PositionError: the array has another shape, or numbers that are not whole.
    """
    if isinstance(boards, np.ndarray):
        if boards.ndim != 1 or (boards.size and boards.dtype.kind not in "iu"):
            raise PositionError(f"packed positions are int64 [B], not {boards.dtype} {list(boards.shape)}")
        return boards.astype(np.int64, copy=False)
    return np.fromiter((board.position for board in boards), np.int64, len(boards))
