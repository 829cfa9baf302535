"""The player that knows the solution of the rules."""

from __future__ import annotations

import numpy as np

from pylos.errors import TableError
from pylos.kernels.jit import jit
from pylos.kernels.randomness import draw, draw_below, draw_uniform
from pylos.players.player import KeyedPlayer
from pylos.solution.tablebase import Tablebase, not_solved_message, open_if_present
from pylos.system.options import SHARE, checked_options


class PerfectPlayer(KeyedPlayer):
    """Wins in the fewest turns, keeps a draw, and loses in the most turns; chance decides between equals.

    Args:
        tablebase: the solution of the rules that it plays by, with distances.
        mistakes: the probability of a uniformly random legal action instead, which may be a good one.
        key: names its random stream.

    Raises:
        TableError: the table has no distances: by values alone a win might be put off for ever.
    """

    def __init__(self, tablebase: Tablebase, mistakes: float = 0.0, key: int = 0) -> None:
        if not tablebase.has_distances:
            raise TableError(not_solved_message(tablebase.rules, distances=True))
        mistakes = checked_options({"mistakes": mistakes}, {"mistakes": SHARE})["mistakes"]
        super().__init__(perfect_name(mistakes), tablebase.rules, key)
        self._tablebase = tablebase
        self._mistakes = mistakes

    def _choose(self, positions: np.ndarray, key: int) -> np.ndarray:
        found = self._tablebase.probe_actions(positions)
        actions = np.empty(len(positions), np.int64)
        _pick(found.starts, found.actions, found.best(), self._mistakes, key, actions)
        return actions


def perfect_name(mistakes: float) -> str:
    """What the perfect player is called that errs so often."""
    return f"perfect:{mistakes!r}".removesuffix(".0") if mistakes else "perfect"


def load_perfect(rules: str, mistakes: float = 0.0) -> PerfectPlayer:
    """The perfect player of a rule set; see ``PerfectPlayer``.

    Raises:
        RulesError: there is no such rule set.
        TableError: it is not solved here with distances, or its file is damaged.
    """
    tablebase = open_if_present(rules)
    if tablebase is None:
        raise TableError(not_solved_message(rules, distances=True))
    return PerfectPlayer(tablebase, mistakes)


@jit
def _pick(
    starts: np.ndarray, actions: np.ndarray, best: np.ndarray, mistakes: float, key: int, out: np.ndarray
) -> None:
    """Chooses for each position one of its best actions, or with probability ``mistakes`` any of them.

    Args:
        starts: int64 [B + 1] where each position's actions begin.
        actions: int64 [N] all positions' actions.
        best: bool [N] which of them are best.
        mistakes: the probability.
        key: names the draws; each row has its own.
        out: int64 [B] receives the choices.
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
