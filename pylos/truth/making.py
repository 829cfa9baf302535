"""Makes the suites of `pylos.truth.suite` from a solution. No part of training imports this file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pylos.game.position import START, opponent_cells, own_cells, take_backs
from pylos.game.rules import rules_code, step
from pylos.game.symmetry import canonical
from pylos.kernels.randomness import derive_key
from pylos.solution.tablebase import Tablebase
from pylos.truth.suite import STRATA, Suite, suite_from_values

OPENING_BALLS, MIDDLE_BALLS = 10, 20
"""The most balls of the strata "opening" and "middle"."""
MISTAKES = (0.0, 0.1, 0.3, 1.0)
"""Shares of random actions in the games that positions are drawn from. All other actions keep the value."""
_GAMES, _MAX_PLIES = 256, 120
"""Games of a round, and actions of a game."""
_SPARE, _MOST_ROUNDS = 3, 60
"""Rounds are played until each stratum has this many times the positions that are wanted, and how many at most."""


def make_suite(tablebase: Tablebase, per_stratum: int = 2000, seed: int = 0) -> Suite:
    """Draws decision positions from games that mix best and random play, and labels them.

    Args:
        tablebase: the solution of the rule set.
        per_stratum: positions of each stratum. Where a rule set has fewer (no take-backs, a mini game), the suite gets
            all that the games had.
        seed: names the games and the choice among their positions.

    Returns:
        The suite, its positions in ascending order.
    """
    rng = np.random.default_rng(derive_key(seed, "suite", tablebase.rules))
    # The stratum of each decision position, which is turned so that symmetric ones are equal.
    found: dict[int, int] = {}
    for _ in range(_MOST_ROUNDS):
        for positions in _play(tablebase, rng):
            found.update(zip(positions.tolist(), _strata(positions).tolist(), strict=True))
        if min(np.bincount(list(found.values()), minlength=len(STRATA))) >= _SPARE * per_stratum:
            break
    positions, strata = np.array(sorted(found)), np.array([found[position] for position in sorted(found)])
    chosen = [rng.permutation(np.flatnonzero(strata == s))[:per_stratum] for s in range(len(STRATA))]
    rows = np.sort(np.concatenate(chosen))
    recipe = {
        "rules": tablebase.rules,
        "command": f"pylos suite --rules {tablebase.rules} --per_stratum {per_stratum} --seed {seed}",
        "games": f"rounds of {_GAMES} until each stratum has {_SPARE} times its positions, {_MOST_ROUNDS} at most",
        "mistakes": list(MISTAKES),
    }
    values = tablebase.probe_actions(positions[rows]).values
    return suite_from_values(positions[rows], strata[rows], values, recipe)


def _play(tablebase: Tablebase, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Plays a round of games; yields the decision positions of each ply, turned so that symmetric ones are equal."""
    code = rules_code(tablebase.rules)
    positions = np.full(_GAMES, START, np.int64)
    mistakes = np.resize(MISTAKES, _GAMES)
    for _ in range(_MAX_PLIES):
        found = tablebase.probe_actions(positions)
        counts = np.diff(found.starts)
        rows, keeping = found.rows(), found.keeping()
        kept = np.bincount(rows, keeping, minlength=len(positions))
        yield canonical(positions[kept < counts])
        random = rng.random(len(positions)) < mistakes
        # The action with the highest of uniform draws is a fair choice among the allowed ones.
        draws = np.where(keeping | random[rows], rng.random(len(rows)), -1.0)
        going_on = counts > 0
        if not going_on.any():
            return
        order = np.lexsort((draws, rows))
        best = order[found.starts[1:][going_on] - 1]
        positions, mistakes = positions[going_on], mistakes[going_on]
        positions = np.array(
            [step(p, a, code) for p, a in zip(positions.tolist(), found.actions[best].tolist(), strict=True)],
            np.int64,
        )


def _strata(positions: np.ndarray) -> np.ndarray:
    """The stratum of each position."""
    balls = np.bitwise_count(own_cells(positions) | opponent_cells(positions))
    strata = np.digitize(balls, [OPENING_BALLS, MIDDLE_BALLS], right=True)
    return np.where(take_backs(positions), STRATA.index("take_back"), strata)
