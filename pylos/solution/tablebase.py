"""The exact solution of a rule set, looked up: see `pylos.solution.solving` for how it is made."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pylos.errors import RulesError, TableError
from pylos.game.board import Board, as_positions
from pylos.game.rules import (
    MAX_LEGAL_ACTIONS,
    MINI,
    legal_actions,
    mover,
    opponent_cells,
    own_cells,
    rules_code,
    step,
    take_backs,
)
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, build_index, locate
from pylos.solution.tables import DISTANCES, VALUES, open_table, table_exists, table_path
from pylos.solution.values import LOSS, UNKNOWN, WIN, read_value

NO_DISTANCE = -1
"""The distance of a draw, and of everything where there is no table of distances."""
_TIMES = {
    "values": "10 to 15 minutes on two cores",
    "distances": "25 to 35 minutes on two cores",
}
"""About how long it takes to solve the full game, see docs/performance.md."""
_ROWS = 1 << 14
"""Positions that a thread looks up at a time."""


class ActionValues(NamedTuple):
    """The legal actions of B positions, one position's after the other's: N in all."""

    starts: npt.NDArray[np.int64]
    """[B + 1] where each position's actions begin, and N."""
    actions: npt.NDArray[np.int64]
    """[N] action ids, ascending for each position."""
    values: npt.NDArray[np.int8]
    """[N] 1, 0 or -1 for the player who acts."""
    distances: npt.NDArray[np.int16]
    """[N] turns to the end, the one of the action included; NO_DISTANCE where there is none."""

    def rows(self) -> npt.NDArray[np.int64]:
        """[N] the position to which each action belongs."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def keeping(self) -> npt.NDArray[np.bool_]:
        """[N] whether an action keeps what the position is worth."""
        return self.values == self._best_of(self.values)

    def best(self) -> npt.NDArray[np.bool_]:
        """[N] whether perfect play takes the action: of those that keep the value, won ones hurry, lost ones delay."""
        keeping = self.keeping()
        merit = np.where(self.values == 1, -self.distances, self.distances * (self.values == -1))
        merit = np.where(keeping, merit, np.iinfo(np.int16).min)
        return keeping & (merit == self._best_of(merit))

    def _best_of(self, merits: np.ndarray) -> np.ndarray:
        """[N] the highest merit among the actions of the same position."""
        counts = np.diff(self.starts)
        highest = np.maximum.reduceat(merits, self.starts[:-1][counts > 0]) if len(merits) else merits
        return np.repeat(highest, counts[counts > 0])


class Tablebase:
    """The value of every position, and how many turns it is from the end.

    The files are mapped into memory: opening one takes no time, and several processes share one copy. The
    first time a file is opened its checksum is compared, which reads it once.

    Args:
        rules: the name of the rule set.

    Raises:
        RulesError: there is no such rule set.
        TableError: it is not solved here, or its file is damaged; the message names the command that helps.
    """

    def __init__(self, rules: str = "standard") -> None:
        self.rules = rules
        self._code = rules_code(rules)
        path = table_path(rules, VALUES)
        if not table_exists(path):
            raise TableError(not_solved_message(rules))
        self._values = open_table(path)
        path = table_path(rules, DISTANCES)
        self._distances = open_table(path) if table_exists(path) else np.empty(0, np.uint8)
        self._index = build_index(self._code)

    @property
    def has_distances(self) -> bool:
        """Whether the distances were computed too."""
        return len(self._distances) > 0

    def probe(
        self, boards: Sequence[Board] | npt.NDArray[np.int64], threads: int = 1
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int16]]:
        """Looks positions up.

        Args:
            boards: boards of these rules, or packed positions [B] that can occur under them. In the middle of
                a turn the best of what the mover may still do counts.
            threads: threads to look up with.

        Returns:
            Values [B] for the player to move: 1 for a win, 0 for a draw (both can go on for ever), -1 for a
            loss. Distances [B] in whole turns to the end, an unfinished one included: the fewest to a win, the
            most to a loss, NO_DISTANCE for a draw and wherever distances were not computed.

        Raises:
            RulesError: a board is of other rules.
        """
        positions = self._positions(boards)
        values, distances = np.empty(len(positions), np.int8), np.empty(len(positions), np.int16)

        def look_up(start: int) -> None:
            rows = slice(start, start + _ROWS)
            _probe(
                self._index, self._values, self._distances, positions[rows], self._code, values[rows],
                distances[rows],
            )  # fmt: skip

        if threads == 1 or len(positions) <= _ROWS:
            for start in range(0, len(positions), _ROWS):
                look_up(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(look_up, range(0, len(positions), _ROWS)))
        return values, distances

    def probe_actions(self, boards: Sequence[Board] | npt.NDArray[np.int64]) -> ActionValues:
        """What every legal action is worth to the player who takes it.

        Args:
            boards: as for ``probe``.

        Raises:
            RulesError: a board is of other rules.
        """
        positions = self._positions(boards)
        actions = np.empty(len(positions) * MAX_LEGAL_ACTIONS, np.int64)
        after, starts = np.empty_like(actions), np.empty(len(positions) + 1, np.int64)
        n = _expand(positions, self._code, starts, actions, after)
        actions, after = actions[:n].copy(), after[:n]
        values, distances = self.probe(after)
        passed = mover(after) != np.repeat(mover(positions), np.diff(starts))
        distances[passed & (distances != NO_DISTANCE)] += 1
        values[passed] *= -1
        return ActionValues(starts, actions, values, distances)

    def best_actions(self, board: Board) -> npt.NDArray[np.int64]:
        """The actions of perfect play, ascending: the shortest way to a win, the longest to a loss.

        In a drawn position these are all that keep the draw; without distances all that keep the value.
        """
        found = self.probe_actions([board])
        return found.actions[found.best()]

    def _positions(self, boards: Sequence[Board] | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if not isinstance(boards, np.ndarray):
            for board in boards:
                if board.rules != self.rules:
                    raise RulesError(f"a board of {board.rules!r} rules in a table of {self.rules!r} rules")
        return as_positions(boards)


def not_solved_message(rules: str, distances: bool = False) -> str:
    """The sentence that says how to get a table, or one with distances, and how long that takes."""
    what, option = ("distances", " --distance") if distances else ("values", "")
    time = "some seconds" if rules_code(rules) & MINI else _TIMES[what]
    return (
        f"the {what} of the {rules} rules are not computed here: "
        f"`pylos solve --rules {rules}{option}` does it in {time}"
    )


def open_if_present(rules: str) -> Tablebase | None:
    """The table of these rules, or None if they are not solved here.

    Raises:
        TableError: there is a file, but a damaged one.
    """
    return Tablebase(rules) if table_exists(table_path(rules, VALUES)) else None


@jit
def _look_up(index: Index, values: np.ndarray, distances: np.ndarray, position: int) -> tuple[int, int]:
    """Value (1, 0, -1) and distance of a position without a pending take-back."""
    number = locate(index, own_cells(position), opponent_cells(position))
    value = read_value(values, number)
    if value == UNKNOWN or not distances.shape[0]:
        return np.int64(value == WIN) - np.int64(value == LOSS), NO_DISTANCE
    return np.int64(value == WIN) - np.int64(value == LOSS), np.int64(distances[number]) - 1


@jit
def _better(value: int, distance: int, best_value: int, best_distance: int) -> bool:
    """Whether the mover prefers the first: a higher value, a shorter win, a longer loss."""
    if value != best_value:
        return value > best_value
    return distance < best_distance if value == 1 else distance > best_distance


@jit
def _ends(position: int, code: int, out: np.ndarray) -> int:
    """Writes the positions in which an unfinished turn can end; returns their number."""
    actions, more = np.empty(MAX_LEGAL_ACTIONS, np.int64), np.empty(MAX_LEGAL_ACTIONS, np.int64)
    n = 0
    for i in range(legal_actions(position, code, actions)):
        after = step(position, actions[i], code)
        if take_backs(after) == 0:
            out[n] = after
            n += 1
            continue
        for k in range(legal_actions(after, code, more)):
            out[n] = step(after, more[k], code)
            n += 1
    return n


@jit
def _expand(
    positions: np.ndarray, code: int, starts: np.ndarray, actions: np.ndarray, after: np.ndarray
) -> int:
    """Writes all legal actions and what they lead to; returns their number."""
    n = 0
    for i in range(positions.shape[0]):
        starts[i] = n
        count = legal_actions(positions[i], code, actions[n:])
        for k in range(n, n + count):
            after[k] = step(positions[i], actions[k], code)
        n += count
    starts[positions.shape[0]] = n
    return n


@jit
def _probe(
    index: Index, values: np.ndarray, distances: np.ndarray, positions: np.ndarray, code: int,
    out_values: np.ndarray, out_distances: np.ndarray,
) -> None:  # fmt: skip
    """``Tablebase.probe`` for one thread."""
    ends = np.empty(512, np.int64)
    for i in range(positions.shape[0]):
        if take_backs(positions[i]) == 0:
            out_values[i], out_distances[i] = _look_up(index, values, distances, positions[i])
            continue
        best_value, best_distance = -2, 0
        for k in range(_ends(positions[i], code, ends)):
            value, distance = _look_up(index, values, distances, ends[k])
            # Seen by the mover, and with the turn that ends here.
            value, distance = -value, distance + 1 if distance != NO_DISTANCE else NO_DISTANCE
            if _better(value, distance, best_value, best_distance):
                best_value, best_distance = value, distance
        out_values[i], out_distances[i] = best_value, best_distance
