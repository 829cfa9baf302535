"""The suite: labelled decision positions for each rule set, the yardstick that ships with the package.

A *decision position* has an action that keeps its exact value and one that throws it away. The suite holds
every legal action's exact value, so that nothing needs to be solved to measure against the truth.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pylos.actions import canonical
from pylos.jit import jit
from pylos.randomness import derive_key
from pylos.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, NUM_CELLS, START, legal_actions, rules_code, step
from pylos.tablebase import Tablebase

STRATA = ("opening", "middle", "late", "take_back")
"""Up to 10 balls on the board, 11 to 20, 21 and more; and, whatever their number, choices of a take-back."""
OPENING_BALLS, MIDDLE_BALLS = 10, 20
MISTAKES = (0.0, 0.1, 0.3, 1.0)
"""Shares of random actions in the games that positions are drawn from; the others keep the value."""
_GAMES, _MAX_PLIES = 256, 120
_SPARE, _MOST_ROUNDS = 3, 60


@dataclass(frozen=True)
class Suite:
    """Decision positions of one rule set, with what every legal action is worth."""

    rules: str
    positions: npt.NDArray[np.int64]
    """[P] packed positions, white to move; no two are equal up to symmetry."""
    strata: npt.NDArray[np.int64]
    """[P] numbers into STRATA."""
    values: npt.NDArray[np.int8]
    """[P] 1, 0 or -1 for the player who acts."""
    legal: npt.NDArray[np.bool_]
    """[P, 303] legal actions."""
    keeping: npt.NDArray[np.bool_]
    """[P, 303] actions that keep the value."""
    action_values: npt.NDArray[np.int8]
    """[P, 303] 1, 0 or -1 for the player who acts; 0 where an action is not legal."""
    recipe: dict[str, Any]
    """How it was made."""

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def uniform_accuracy(self) -> npt.NDArray[np.float64]:
        """[P] the chance of a uniformly random legal action to keep the value."""
        return np.asarray(self.keeping.sum(axis=1) / self.legal.sum(axis=1))


@functools.cache
def load_suite(rules: str) -> Suite | None:
    """The suite that ships for these rules; None for rule sets that have none.

    Raises:
        RulesError: there is no such rule set.
    """
    rules_code(rules)
    file = resources.files("pylos") / "suites" / f"{rules}.npz"
    if not file.is_file():
        return None
    with resources.as_file(file) as path:
        return read_suite(path)


def read_suite(path: Path) -> Suite:
    """Reads what ``write_suite`` wrote."""
    with np.load(path) as stored:
        recipe = json.loads(str(stored["recipe"]))
        positions, flat = stored["positions"], stored["action_values"]
        strata = stored["strata"].astype(np.int64)
    legal = np.zeros((len(positions), NUM_ACTIONS), np.bool_)
    _mark_legal(positions, rules_code(recipe["rules"]), legal)
    values = np.zeros(legal.shape, np.int8)
    values[legal] = flat
    best = np.where(legal, values, -2).max(axis=1).astype(np.int8)
    keeping = legal & (values == best[:, None])
    return Suite(recipe["rules"], positions, strata, best, legal, keeping, values, recipe)


def write_suite(path: Path, suite: Suite) -> None:
    """Writes a suite to a file of some 100 KB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        positions=suite.positions,
        strata=suite.strata.astype(np.uint8),
        action_values=suite.action_values[suite.legal],
        recipe=json.dumps(suite.recipe),
    )


def describe_suite(suite: Suite) -> str:
    """How many positions a suite has, by stratum, and how well chance does on them."""
    parts = [
        f"{name.replace('_', '-')} {(suite.strata == number).sum():,}" for number, name in enumerate(STRATA)
    ]
    return (
        f"{suite.rules}: {len(suite):,} decision positions ({', '.join(parts)}); "
        f"a uniformly random action is right in {suite.uniform_accuracy.mean():.3f} of them"
    )


@jit
def _mark_legal(positions: np.ndarray, rules: int, legal: np.ndarray) -> None:
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(positions.shape[0]):
        for k in range(legal_actions(positions[i], rules, actions)):
            legal[i, actions[k]] = True


# Making one --------------------------------------------------------------------------------------------------


def make_suite(tablebase: Tablebase, per_stratum: int = 2000, seed: int = 0) -> Suite:
    """Draws decision positions from games that mix best and random play, and labels them.

    Args:
        tablebase: the solution of the rule set.
        per_stratum: positions of each stratum. Where a rule set has fewer (no take-backs, a mini game), all
            that were found once new games bring nothing new.
        seed: names the games and the choice among their positions.
    """
    rng = np.random.default_rng(derive_key(seed, "suite", tablebase.rules))
    found: dict[int, int] = {}  # decision positions, turned so that symmetric ones are equal; their stratum
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
    return _label(tablebase, positions[rows], strata[rows], recipe)


def _play(tablebase: Tablebase, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Plays a round of games; yields the decision positions of each ply."""
    code = rules_code(tablebase.rules)
    positions = np.full(_GAMES, START, np.int64)
    mistakes = np.resize(MISTAKES, _GAMES)
    for _ in range(_MAX_PLIES):
        found = tablebase.probe_actions(positions)
        counts = np.diff(found.starts)
        rows, keeping = found.rows(), found.keeping()
        kept = np.bincount(rows, keeping, minlength=len(positions))
        yield canonical(positions[(kept > 0) & (kept < counts)])
        random = rng.random(len(positions)) < mistakes
        # The highest of uniform draws: a fair choice among the allowed actions of each position.
        draws = np.where(keeping | random[rows], rng.random(len(rows)), -1.0)
        going_on = counts > 0
        if not going_on.any():
            return
        order = np.lexsort((draws, rows))
        best = order[found.starts[1:][going_on] - 1]
        positions, mistakes = positions[going_on], mistakes[going_on]
        positions = np.array(
            [step(p, a, code) for p, a in zip(positions, found.actions[best], strict=True)], np.int64
        )


def _strata(positions: np.ndarray) -> np.ndarray:
    """The stratum of each position."""
    balls = np.bitwise_count(positions & ((1 << 2 * NUM_CELLS) - 1))
    strata = np.digitize(balls, [OPENING_BALLS, MIDDLE_BALLS], right=True)
    return np.where(positions >> 60 & 3, STRATA.index("take_back"), strata)


def _label(tablebase: Tablebase, positions: np.ndarray, strata: np.ndarray, recipe: dict[str, Any]) -> Suite:
    found = tablebase.probe_actions(positions)
    rows = found.rows()
    shape = len(positions), NUM_ACTIONS
    legal, keeping, values = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_), np.zeros(shape, np.int8)
    legal[rows, found.actions] = True
    keeping[rows, found.actions] = found.keeping()
    values[rows, found.actions] = found.values
    best = np.maximum.reduceat(found.values, found.starts[:-1])
    return Suite(tablebase.rules, positions, strata, best, legal, keeping, values, recipe)
