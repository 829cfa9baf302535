"""`Board`: a game in progress, with positions and actions as text. The kernels in `pylos.game.rules` do the work."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, SupportsIndex

import numpy as np
import numpy.typing as npt

from pylos.errors import IllegalActionError, PositionError
from pylos.game.actions import action_name, parse_action
from pylos.game.arrows import Arrow
from pylos.game.drawing import ascii_drawing, svg
from pylos.game.explanations import why_illegal, why_impossible
from pylos.game.notation import format_position, join_turns, parse_position, split_turn
from pylos.game.observation import OBSERVATION_SIZE, observe
from pylos.game.position import NUM_CELLS, START, mover, take_backs
from pylos.game.rules import (
    ACTION_SOURCE,
    ACTION_TARGET,
    APEX,
    NUM_ACTIONS,
    STOP,
    is_over,
    legal_actions,
    occupied_cells,
    reserves,
    rules_code,
    step,
    supported_cells,
)

Side = Literal["white", "black"]
WHITE: Side = "white"
BLACK: Side = "black"
"""A side is its name, so that `winner` prints well and is true for both of them."""


class Reserves(NamedTuple):
    """Balls not on the board."""

    white: int
    black: int


class Board:
    """A position, the rules it is played by, and the actions that led to it.

    Boards are equal when their positions and rules are; the history does not count. Neither does it for the hash. So do
    not push on a board that is a key of a dict.

    >>> board = Board()
    >>> board.push("1B2")
    >>> board.turn, board.reserves
    ('black', Reserves(white=14, black=15))
    >>> board.text
    '.....w........../........./..../. b 0'

    Args:
        rules: the rule set: children, standard, mature, standard-optional or mature-optional.
            Each exists on the small board, too: mini-standard and so on.

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
        """A board without history, from a packed position (see `pylos.game.position`).

        Raises:
            PositionError: the position cannot occur.
            RulesError: there is no such rule set.
        """
        board = cls(rules)
        board._position = operator.index(position)
        if reason := why_impossible(board._position, rules):
            raise PositionError(f"position {board._position}: {reason}")
        return board

    # What is on the board

    @property
    def rules(self) -> str:
        """The name of the rule set."""
        return self._rules

    @property
    def position(self) -> int:
        """The packed position (see `pylos.game.position`)."""
        return self._position

    @property
    def text(self) -> str:
        """The position as text; `from_text` reads it."""
        return format_position(self._position)

    @property
    def turn(self) -> Side:
        """The side that acts next: `"white"` or `"black"`. The same side again while a take-back is pending."""
        return BLACK if mover(self._position) else WHITE

    @property
    def pending(self) -> int:
        """How many balls may still be taken back: 2 after a formation, 1 after the first ball, else 0."""
        return take_backs(self._position)

    @property
    def reserves(self) -> Reserves:
        """The balls that each side still holds."""
        return Reserves(*reserves(self._position, self._code))

    @property
    def legal_actions(self) -> npt.NDArray[np.int64]:
        """[n] the ids of the legal actions, ascending; empty when the game is over."""
        out = np.empty(NUM_ACTIONS, np.int64)
        return out[: legal_actions(self._position, self._code, out)]

    @property
    def observation(self) -> npt.NDArray[np.float32]:
        """[184] what a network sees of the position, from the view of the player to move: docs/formats.md."""
        out = np.empty(OBSERVATION_SIZE, np.float32)
        observe(self._position, self._code, out)
        return out

    @property
    def supported_cells(self) -> tuple[int, ...]:
        """The numbers of the empty cells that can carry a ball, ascending."""
        supported = supported_cells(occupied_cells(self._position, self._code))
        return tuple(cell for cell in range(NUM_CELLS) if supported >> cell & 1)

    @property
    def is_over(self) -> bool:
        """Whether the side to move cannot move, and so has lost."""
        return is_over(self._position, self._code)

    @property
    def winner(self) -> Side | None:
        """`"white"` or `"black"` once the game is over, None before."""
        if not self.is_over:
            return None
        return WHITE if self.turn == BLACK else BLACK

    # Moving

    def push(self, action: SupportsIndex | str) -> None:
        """Plays an action or a whole turn.

        The name of one action (`1B2`, `1B2^2A1`, `-1B2`, `=`) or its id is one step: after a formation the same side
        acts again. Several steps written together (`1B2-1A1`, `1B2-1A1-1C3`) are a whole turn: nothing more is taken
        back, even where it could be. `1B2=` is a turn that takes back nothing, where that is allowed.

        Raises:
            IllegalActionError: the action does not exist or is not legal; the board is as before.
        """
        if isinstance(action, str):
            named = [(parse_action(name), name) for name in split_turn(action)]
        else:
            named = [(operator.index(action), "")]
        position, length = self._position, len(self._history)
        try:
            for one, name in named:
                self._push_one(one, name)
        except IllegalActionError:
            self._position = position
            del self._history[length:]
            raise
        if len(named) > 1 and self.pending == 1:
            self._push_one(STOP)

    def _push_one(self, action: int, name: str = "") -> None:
        """Plays one action. Its name, where there is one, says whether 29 means to stop or to place on the apex."""
        if not 0 <= action < NUM_ACTIONS:
            raise IllegalActionError(f"there is no action {action}; ids run from 0 to {NUM_ACTIONS - 1}")
        if name and action == STOP and (name == "=") != (self.pending > 0):
            reason = "a take-back is pending" if self.pending else "no take-back is pending"
            raise IllegalActionError(f"{name} is not legal in {self.text!r}: {reason}")
        if action not in self.legal_actions:
            reason = why_illegal(self._position, action, self._code)
            raise IllegalActionError(
                f"{action_name(action, self.pending)} is not legal in {self.text!r}: {reason}"
            )
        self._history.append((self._position, action))
        self._position = step(self._position, action, self._code)

    def pop(self) -> int:
        """Undoes the last action and returns it. A turn with a take-back takes several.

        Raises:
            IndexError: nothing was pushed.
        """
        if not self._history:
            raise IndexError("pop from a board on which nothing was pushed")
        self._position, action = self._history.pop()
        return action

    # The history

    @property
    def actions(self) -> tuple[int, ...]:
        """The actions since the board was made, oldest first."""
        return tuple(action for _, action in self._history)

    @property
    def positions(self) -> tuple[int, ...]:
        """The packed positions since the board was made, the present one last."""
        return (*(position for position, _ in self._history), self._position)

    @property
    def turns(self) -> list[str]:
        """The turns since the board was made, each as `push` reads it. The last one may be unfinished."""
        return join_turns((take_backs(position), action) for position, action in self._history)

    @property
    def last_turn(self) -> str:
        """The last turn, finished or not, such as `1B2-1A1`; empty before the first."""
        return self.turns[-1] if self._history else ""

    @property
    def last_cells(self) -> tuple[int, ...]:
        """The cells of the last turn: those from which it took a ball and those on which it put one, in order."""
        cells: list[int] = []
        for position, action in reversed(self._history):
            source, target = int(ACTION_SOURCE[action]), int(ACTION_TARGET[action])
            pending = take_backs(position)
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

    # Python's own operations

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
        return self.svg()

    def svg(self, arrows: Iterable[Arrow | tuple[Any, ...]] = (), size: int = 480) -> str:
        """A drawing of the position, as notebooks show it, with turns as arrows.

        >>> drawing = Board().svg([("1B2", 0.8, "62 %"), ("1A1", 0.1)])
        >>> drawing.count("62 %")
        1

        Args:
            arrows: turns, each as an `Arrow` or the same fields as a tuple: the turn, its weight from 0 to 1, a text
                and a colour. All but the turn may be left out.
            size: the width in pixels.

        Returns:
            An SVG document.

        Raises:
            IllegalActionError: one of the arrows is no turn.
        """
        shown = [Arrow(*arrow) for arrow in arrows]
        return svg(self._position, self._code, last=self.last_cells, arrows=shown, size=size)


def as_positions(boards: Sequence[Board] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The packed positions [B] of boards. An array of packed positions is handed back.

    Raises:
        PositionError: the array has another shape, or its numbers are not integers.
    """
    if isinstance(boards, np.ndarray):
        if boards.ndim != 1 or (boards.size and boards.dtype.kind not in "iu"):
            raise PositionError(f"packed positions are int64 [B], not {boards.dtype} {list(boards.shape)}")
        return boards.astype(np.int64, copy=False)
    return np.fromiter((board.position for board in boards), np.int64, len(boards))
