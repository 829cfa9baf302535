"""The exact solution of a rule set, looked up; `pylos.solution.solving` computes it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pylos.errors import RulesError, TableError
from pylos.game.board import Board, as_positions
from pylos.game.position import mover, take_backs
from pylos.game.rules import BALLS_PER_PLAYER, MAX_LEGAL_ACTIONS, MINI, legal_actions, rules_code, step
from pylos.kernels.jit import jit
from pylos.solution.indexing import Index, build_index, number_of
from pylos.solution.tables import DISTANCES, VALUES, open_table, table_exists, table_path
from pylos.solution.values import UNKNOWN, read_value, worth

NO_DISTANCE = -1
"""The distance of a draw, and of every position if there is no table of distances."""
_TIMES = {
    "values": "10 to 15 minutes on two cores",
    "distances": "25 to 35 minutes on two cores",
}
"""About how long it takes to solve the full game: see docs/performance.md."""
_SIZES = {"values": "0.6 GB", "distances": "3 GB"}
"""What the files of the full game take."""
_CHUNK = 1 << 14
"""Positions that a thread looks up at a time."""
_MOST_ENDS = (BALLS_PER_PLAYER + 1) ** 2
"""Ways to end an unfinished turn: twice a stop or one of the balls."""


class SolveCost(NamedTuple):
    """What it takes to solve a rule set, in words."""

    command: str
    time: str
    disk: str


class ActionValues(NamedTuple):
    """The N legal actions of B positions, one position's after the other's."""

    starts: npt.NDArray[np.int64]
    """[B + 1] where each position's actions begin, and then N."""
    actions: npt.NDArray[np.int64]
    """[N] action ids, ascending for each position."""
    values: npt.NDArray[np.int8]
    """[N] 1, 0 or -1 for the player who acts."""
    distances: npt.NDArray[np.int16]
    """[N] turns to the end, the one of the action included, or NO_DISTANCE."""

    def rows(self) -> npt.NDArray[np.int64]:
        """The position to which each action belongs, [N]."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def keeping(self) -> npt.NDArray[np.bool_]:
        """Whether each action keeps the value of the position, [N]."""
        return self.values == self._best_of(self.values)

    def best(self) -> npt.NDArray[np.bool_]:
        """Whether perfect play takes each action, [N]: it keeps the value, by the shortest win or the longest loss."""
        keeping = self.keeping()
        merit = np.where(self.values == 1, -self.distances, self.distances * (self.values == -1))
        merit = np.where(keeping, merit, np.iinfo(np.int16).min)
        return keeping & (merit == self._best_of(merit))

    def _best_of(self, merits: np.ndarray) -> np.ndarray:
        """The highest merit among the actions of the same position, [N]."""
        counts = np.diff(self.starts)
        highest = np.maximum.reduceat(merits, self.starts[:-1][counts > 0]) if len(merits) else merits
        return np.repeat(highest, counts[counts > 0])


class Tablebase:
    """The value of every position, and how many turns it is from the end.

    The files are mapped into memory: opening one takes no time, and several processes share one copy. When a file is
    opened for the first time, its checksum is compared, which reads all of it.

    Args:
        rules: the name of the rule set.

    Raises:
        RulesError: there is no such rule set.
        TableError: the rules are not solved here, or a file is damaged; the message names the command that helps.
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
        """Looks up positions.

        Args:
            boards: boards of these rules, or packed positions [B] that can occur under them. A position in the middle
                of a turn has the value of the best way to finish it.
            threads: how many threads look up.

        Returns:
            Values [B] for the player to move: 1 for a win, 0 for a draw (both can go on for ever), -1 for a
            loss. Distances [B] in whole turns to the end, an unfinished one included: the fewest to a win, the
            most to a loss, NO_DISTANCE for a draw and where distances were not computed.

        Raises:
            RulesError: a board is of other rules.
        """
        positions = self._positions(boards)
        values, distances = np.empty(len(positions), np.int8), np.empty(len(positions), np.int16)

        def look_up(start: int) -> None:
            rows = slice(start, start + _CHUNK)
            _probe(
                self._index, self._values, self._distances, positions[rows], self._code, values[rows],
                distances[rows],
            )  # fmt: skip

        if threads == 1 or len(positions) <= _CHUNK:
            for start in range(0, len(positions), _CHUNK):
                look_up(start)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(look_up, range(0, len(positions), _CHUNK)))
        return values, distances

    def probe_actions(self, boards: Sequence[Board] | npt.NDArray[np.int64]) -> ActionValues:
        """What every legal action is worth to the player who takes it.

        Args:
            boards: as for `probe`.

        Returns:
            The actions of all positions, with values and distances.

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

        In a drawn position these are all that keep the draw; without distances, all that keep the value.

        Raises:
            RulesError: the board is of other rules.
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
    """The sentence that says that a table is not there, which command computes it, and how long that takes."""
    what, cost = "distances" if distances else "values", solve_cost(rules, distances)
    return f"the {what} of the {rules} rules are not computed here: `{cost.command}` does it in {cost.time}"


def solve_cost(rules: str, distances: bool = False) -> SolveCost:
    """The command that computes a table, and about what it costs.

    Args:
        rules: the name of the rule set.
        distances: whether the distances are wanted, too.

    Raises:
        RulesError: there is no such rule set.
    """
    what, option = ("distances", " --distance") if distances else ("values", "")
    mini = rules_code(rules) & MINI
    return SolveCost(
        f"pylos solve --rules {rules}{option}",
        "some seconds" if mini else _TIMES[what],
        "a few MB" if mini else _SIZES[what],
    )


def is_solved(rules: str, distances: bool = False) -> bool:
    """Whether the rules are solved on this machine; the files are not read.

    Raises:
        RulesError: there is no such rule set.
    """
    return table_exists(table_path(rules, DISTANCES if distances else VALUES))


def open_if_present(rules: str) -> Tablebase | None:
    """The table of these rules, or None if they are not solved here.

    Raises:
        TableError: there is a file, but it is damaged.
    """
    return Tablebase(rules) if is_solved(rules) else None


@jit
def _look_up(index: Index, values: np.ndarray, distances: np.ndarray, position: int) -> tuple[int, int]:
    """Value (1, 0, -1) and distance of a position without a pending take-back."""
    number = number_of(index, position)
    value = read_value(values, number)
    if value == UNKNOWN or not distances.shape[0]:
        return worth(value), NO_DISTANCE
    return worth(value), np.int64(distances[number]) - 1


@jit
def _better(value: int, distance: int, best_value: int, best_distance: int) -> bool:
    """Whether the mover prefers a value and distance to the best so far: more value, a shorter win, a longer loss."""
    if value != best_value:
        return value > best_value
    return distance < best_distance if value == 1 else distance > best_distance


@jit
def _ends(position: int, code: int, out: np.ndarray) -> int:
    """Writes the positions in which an unfinished turn can end, some more than once; returns how many."""
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
    """Writes where each position's actions begin, the actions, and the positions after them; returns their number."""
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
    """`Tablebase.probe` for one thread."""
    ends = np.empty(_MOST_ENDS, np.int64)
    for i in range(positions.shape[0]):
        if take_backs(positions[i]) == 0:
            out_values[i], out_distances[i] = _look_up(index, values, distances, positions[i])
            continue
        best_value, best_distance = -2, 0
        for k in range(_ends(positions[i], code, ends)):
            value, distance = _look_up(index, values, distances, ends[k])
            # For the mover, and including the turn that ends here.
            value, distance = -value, distance + 1 if distance != NO_DISTANCE else NO_DISTANCE
            if _better(value, distance, best_value, best_distance):
                best_value, best_distance = value, distance
        out_values[i], out_distances[i] = best_value, best_distance
