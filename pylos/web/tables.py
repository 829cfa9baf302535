"""The solutions on this machine, opened when they are asked for. One that is computed meanwhile is found."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from pylos.errors import TableError
from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.solution.tablebase import Tablebase
from pylos.solution.tables import DISTANCES, VALUES, table_path

_Stamp = tuple[int, int] | None


class Tables:
    """Opens each table once. Opening one for the first time on a machine reads all of it: call this in a thread."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[tuple[_Stamp, _Stamp], Tablebase | TableError]] = {}
        self._lock = threading.Lock()

    def find(self, rules: str, distances: bool = False) -> Tablebase | None:
        """The table of a rule set, with distances if there are any.

        Args:
            rules: the name of the rule set.
            distances: whether one without distances is of no use.

        Returns:
            The table; None if the rules are not solved here.

        Raises:
            RulesError: there is no such rule set.
            TableError: a file is damaged.
        """
        rules_code(rules)
        stamps = _stamp(table_path(rules, VALUES)), _stamp(table_path(rules, DISTANCES))
        if stamps[0] is None or (distances and stamps[1] is None):
            return None
        with self._lock:
            if rules not in self._open or self._open[rules][0] != stamps:
                self._open[rules] = stamps, _opened(rules)
            table = self._open[rules][1]
        if isinstance(table, TableError):
            raise TableError(str(table))
        return table

    def warm_up(self, rules: str) -> None:
        """Opens the table of a rule set, if there is one, and compiles what looks positions up.

        Raises:
            TableError: a file is damaged.
        """
        if (table := self.find(rules)) is not None:
            table.probe_actions([Board(rules)])


def _opened(rules: str) -> Tablebase | TableError:
    """The table, or what is wrong with it: finding that out may take seconds, so it is kept, too."""
    try:
        return Tablebase(rules)
    except TableError as error:
        return error


def _stamp(path: Path) -> _Stamp:
    """What differs after a file has been replaced; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
