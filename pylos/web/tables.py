"""The solutions on this machine, opened when they are asked for. One that is computed meanwhile is found."""

from __future__ import annotations

import threading

from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.solution.tablebase import Tablebase, is_solved


class Tables:
    """Opens each table once. Opening one for the first time on a machine reads all of it: call this in a thread."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, bool], Tablebase] = {}
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
        has_distances = is_solved(rules, distances=True)
        if not is_solved(rules) or (distances and not has_distances):
            return None
        key = rules, has_distances
        with self._lock:
            if key not in self._open:
                self._open[key] = Tablebase(rules)
            return self._open[key]

    def warm_up(self, rules: str) -> None:
        """Opens the table of a rule set, if there is one, and compiles what looks positions up."""
        if (table := self.find(rules)) is not None:
            table.probe_actions([Board(rules)])
