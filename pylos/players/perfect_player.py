"""The player that knows the solution of the rules."""

from __future__ import annotations

import numpy as np

from pylos.errors import TableError
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw, draw_below, draw_uniform
from pylos.players.player import KeyedPlayer
from pylos.search.history import History
from pylos.solution.tablebase import Tablebase, not_solved_message, open_if_present
from pylos.system.options import SHARE, checked_options


class PerfectPlayer(KeyedPlayer):
    """Wins in the fewest turns, keeps a draw, and loses in the most turns. Chance decides between equal actions.

    Args:
        tablebase: the solution of its rules, with distances.
        mistakes: the probability that it plays a uniformly random legal action instead, which may be a good one.
        key: names its random stream.

    Raises:
        TableError: the table has no distances. By values alone it could put off a win for ever.
        ConfigurationError: `mistakes` is no probability.
    """

    def __init__(self, tablebase: Tablebase, mistakes: float = 0.0, key: int = 0) -> None:
        if not tablebase.has_distances:
            raise TableError(not_solved_message(tablebase.rules, distances=True))
        mistakes = checked_options({"mistakes": mistakes}, {"mistakes": SHARE})["mistakes"]
        super().__init__(perfect_name(mistakes), tablebase.rules, key)
        self._tablebase = tablebase
        self._mistakes = mistakes

    def _choose(self, positions: np.ndarray, history: History, key: int) -> np.ndarray:
        found = self._tablebase.probe_actions(positions)
        actions = np.empty(len(positions), np.int64)
        _pick(found.starts, found.actions, found.best(), self._mistakes, key, actions)
        return actions


def perfect_name(mistakes: float) -> str:
    """The name of the perfect player with a probability of mistakes: perfect, or perfect:0.1."""
    return f"perfect:{mistakes!r}".removesuffix(".0") if mistakes else "perfect"


def load_perfect(rules: str, mistakes: float = 0.0) -> PerfectPlayer:
    """Makes the perfect player of a rule set; see `PerfectPlayer`.

    Raises:
        RulesError: there is no such rule set.
        TableError: the rules are not solved on this machine with distances, or the file of the table is damaged.
    """
    tablebase = open_if_present(rules)
    if tablebase is None:
        raise TableError(not_solved_message(rules, distances=True))
    return PerfectPlayer(tablebase, mistakes)


@jit
def _pick(
    starts: np.ndarray, actions: np.ndarray, best: np.ndarray, mistakes: float, key: int, out: np.ndarray
) -> None:
    """Chooses one of the best actions in each position, or with probability `mistakes` any legal one.

    Args:
        starts: int64 [B + 1] where the actions of each position begin.
        actions: int64 [N] the legal actions of all positions.
        best: bool [N] which of them are the best of their position.
        mistakes: the probability.
        key: of all draws; each row draws with a key of its own.
        out: int64 [B] receives the actions.
    """
    for i in range(out.shape[0]):
        row_key = draw(key, i)
        any_action = draw_uniform(row_key, 0) < mistakes
        candidates = 0
        for k in range(starts[i], starts[i + 1]):
            candidates += any_action or best[k]
        left = draw_below(row_key, 1, candidates)
        for k in range(starts[i], starts[i + 1]):
            if any_action or best[k]:
                if left == 0:
                    out[i] = actions[k]
                    break
                left -= 1
