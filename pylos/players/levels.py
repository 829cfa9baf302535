"""The named levels: agents of measured strength, from one that a child beats to the strongest.

A level is the agent that ships for its rules, with a number of simulations and a temperature. A weak level errs as
people do: it looks at few replies, and takes now and then what only looks good. It has no blunders by dice: what it
knows to win it plays, and what it knows to lose it avoids. One without simulations knows neither, and draws from the
policy of its network. `benchmarks/levels.py` chooses and measures them.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pylos.errors import NonFiniteNetworkError, PlayerError
from pylos.game.rules import rules_code
from pylos.kernels.randomness import draw_uniform
from pylos.system.options import shown

LEVELS = {
    "child": ("Child", "Knows how the balls move and little more; a child can win."),
    "beginner": ("Beginner", "Sees what wins at once and is easily led astray."),
    "learner": ("Learner", "Has a feeling for good cells and overlooks what follows."),
    "casual": ("Casual player", "Plays sensibly and forgets to look at your reply."),
    "club": ("Club player", "Knows the game and makes a few mistakes in each."),
    "expert": ("Expert", "Punishes mistakes and makes few of its own."),
    "master": ("Master", "Looks ahead at every turn and hardly errs."),
    "champion": ("Champion", "The strongest: it searches as far as a second allows."),
}
"""The title of each level, and a sentence about it, by its name; the weakest first."""


class Level(NamedTuple):
    """A level of one rule set."""

    name: str
    """What `level:NAME` calls it."""
    title: str
    """Its name for people."""
    rules: str
    """The name of the rule set."""
    agent: str
    """Who plays: "reference", the agent that ships, or "rollouts", the tree search with random playouts."""
    simulations: int
    """Simulations per decision; 0 for the bare policy."""
    temperature: float
    """See `draw_action`."""
    elo: float
    """Its rating, where the random player has 1000."""
    elo_low: float
    """The lower end of the 95 % interval of the rating."""
    elo_high: float
    """The upper end."""
    text: str
    """One sentence for people."""


def levels(rules: str) -> tuple[Level, ...]:
    """The levels of a rule set, the weakest first. Small rule sets have fewer.

    Raises:
        RulesError: there is no such rule set.
    """
    rules_code(rules)
    entries = level_table()[rules]["levels"]
    return tuple(
        Level(title=LEVELS[entry["name"]][0], text=LEVELS[entry["name"]][1], rules=rules, **entry)
        for entry in entries
    )


def find_level(rules: str, name: str) -> Level:
    """The level of a name.

    Raises:
        PlayerError: these rules have no such level.
        RulesError: there is no such rule set.
    """
    there = {level.name: level for level in levels(rules)}
    if name not in there:
        raise PlayerError(f"no level {shown(name)} of the {rules} rules; there are {', '.join(there)}")
    return there[name]


@functools.cache
def level_table() -> dict[str, Any]:
    """The table that ships: what `benchmarks/levels.py` wrote, by rule set.

    `levels` are the fields of `Level`. `elo`, `elo_low` and `elo_high` of `perfect` are the rating of perfect play,
    None where it was not measured. The rest says how it was made.
    """
    file = resources.files("pylos.players") / "reference" / "levels.json"
    table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return table


def draw_action(actions: npt.ArrayLike, weights: npt.ArrayLike, temperature: float, key: int) -> int:
    """Chooses an action as a level does: in proportion to `weight ** (1 / temperature)`.

    A search gives no weight to what it has proven to lose while there is another action, and none but to winning
    actions where it has proven a win. So no temperature makes a level throw away what it has proven.

    Args:
        actions: [K] the actions.
        weights: [K] their weights, proportional to an improved policy, such as a row of `SearchResult`.
        temperature: 0 takes an action of the greatest weight, 1 draws in proportion to the weights, and more makes
            the draw more even.
        key: of the draw. Where several actions have the greatest weight, it decides between them, too.

    Raises:
        NonFiniteNetworkError: no action has a weight.

    >>> draw_action([5, 9, 12], [10, 70, 20], 0, key=1)
    9
    """
    weights = np.asarray(weights, np.float64)
    known = np.flatnonzero(weights > 0)
    if not len(known):
        raise NonFiniteNetworkError.nothing_to_play()
    shares = weights[known] / weights[known].max()
    shares = shares ** (1 / temperature) if temperature else (shares == 1).astype(np.float64)
    sums = np.cumsum(shares)
    drawn = int(np.searchsorted(sums, draw_uniform(key, 0) * sums[-1], side="right"))
    return int(np.asarray(actions)[known[min(drawn, len(known) - 1)]])
