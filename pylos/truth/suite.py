"""The suite: labelled decision positions of a rule set, which ship with the package.

A *decision position* has an action that keeps its exact value and one that throws it away. The suite holds
the exact value of every legal action, so an agent can be measured against the truth without solving the game.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pylos.game.rules import MAX_LEGAL_ACTIONS, NUM_ACTIONS, legal_actions, rules_code
from pylos.kernels.jit import jit

STRATA = ("opening", "middle", "late", "take_back")
"""By the balls on the board: up to 10, 11 to 20, 21 and more. Choices of a take-back are a stratum of their own."""


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
    """[P, 303] the legal actions."""
    keeping: npt.NDArray[np.bool_]
    """[P, 303] the actions that keep the value."""
    action_values: npt.NDArray[np.int8]
    """[P, 303] 1, 0 or -1 for the player who acts; 0 where an action is not legal."""
    recipe: dict[str, Any]
    """How it was made, for readers of the file."""

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def uniform_accuracy(self) -> npt.NDArray[np.float64]:
        """How likely a uniformly random legal action keeps the value, [P]."""
        return np.asarray(self.keeping.sum(axis=1) / self.legal.sum(axis=1))


@functools.cache
def load_suite(rules: str) -> Suite | None:
    """The suite that ships for a rule set, or None if none does.

    Raises:
        RulesError: there is no such rule set.
    """
    rules_code(rules)
    file = resources.files("pylos.truth") / "suites" / f"{rules}.npz"
    if not file.is_file():
        return None
    with resources.as_file(file) as path:
        return read_suite(path)


def read_suite(path: Path) -> Suite:
    """Reads a file that `write_suite` wrote."""
    with np.load(path) as stored:
        parts = stored["positions"], stored["strata"].astype(np.int64), stored["action_values"]
        return suite_from_values(*parts, json.loads(str(stored["recipe"])))


def suite_from_values(
    positions: npt.NDArray[np.int64],
    strata: npt.NDArray[np.int64],
    action_values: npt.NDArray[np.int8],
    recipe: dict[str, Any],
) -> Suite:
    """Makes a suite from the values of all legal actions.

    Args:
        positions: [P] packed positions.
        strata: [P] numbers into STRATA.
        action_values: [N] the values of all legal actions, one position's after the other's.
        recipe: how it was made; `rules` is the name of the rule set.
    """
    rules = recipe["rules"]
    legal = np.zeros((len(positions), NUM_ACTIONS), np.bool_)
    _mark_legal(positions, rules_code(rules), legal)
    values = np.zeros(legal.shape, np.int8)
    values[legal] = action_values
    best = np.where(legal, values, -2).max(axis=1).astype(np.int8)
    return Suite(rules, positions, strata, best, legal, legal & (values == best[:, None]), values, recipe)


def write_suite(file: IO[bytes], suite: Suite) -> None:
    """Writes a suite to an open file: about 100 KB."""
    np.savez_compressed(
        file,
        positions=suite.positions,
        strata=suite.strata.astype(np.uint8),
        action_values=suite.action_values[suite.legal],
        recipe=json.dumps(suite.recipe),
    )


def describe_suite(suite: Suite) -> str:
    """A sentence: how many positions a suite has, by stratum, and how often a random action is right."""
    parts = [
        f"{name.replace('_', '-')} {(suite.strata == number).sum():,}" for number, name in enumerate(STRATA)
    ]
    return (
        f"{suite.rules}: {len(suite):,} decision positions ({', '.join(parts)}); "
        f"a uniformly random action is right in {suite.uniform_accuracy.mean():.3f} of them"
    )


@jit
def _mark_legal(positions: np.ndarray, code: int, legal: np.ndarray) -> None:
    """Sets the legal actions of positions [P] in `legal` [P, 303]."""
    actions = np.empty(MAX_LEGAL_ACTIONS, np.int64)
    for i in range(positions.shape[0]):
        for k in range(legal_actions(positions[i], code, actions)):
            legal[i, actions[k]] = True
