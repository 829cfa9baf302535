"""The mini game solved in plain Python: every position and how it ends with best play.

It takes only the geometry from the twin of the rules. Sets of cells are integers here, for speed.
Bit i stands for `CELLS[i]` there, so that `own | opponent << 30` packs a position as `pylos.game.position` does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import combinations

from tests.twins import rules as twin_rules

Position = tuple[int, int]
"""The balls of the player to move and those of the opponent."""
Solution = dict[Position, tuple[int, int | None]]


def mask(cells: set[twin_rules.Cell] | frozenset[twin_rules.Cell]) -> int:
    """Cells as an integer."""
    return sum(1 << twin_rules.CELLS.index(cell) for cell in cells)


LEVEL = [level for level, _, _ in twin_rules.CELLS]
UPPER = [i for i, level in enumerate(LEVEL) if level > 0]
BELOW = [mask(twin_rules.below(cell)) for cell in twin_rules.CELLS]
ABOVE = [
    mask({other for other in twin_rules.CELLS if cell in twin_rules.below(other)})
    for cell in twin_rules.CELLS
]
GROUND = mask(twin_rules.ground("mini-standard"))
BALLS = twin_rules.balls_per_player("mini-standard")


def positions() -> Iterator[Position]:
    """All positions without a pending take-back, reachable or not: every pile in all its colourings."""
    for pile in map(mask, twin_rules.supported_occupancies(twin_rules.ground("mini-standard"))):
        cells = [cell for cell in UPPER if pile >> cell & 1]
        for count in range(max(0, len(cells) - BALLS), min(BALLS, len(cells)) + 1):
            for chosen in combinations(cells, count):
                own = sum(1 << cell for cell in chosen)
                yield own, pile ^ own


def turns(own: int, opponent: int, rules: str) -> set[Position]:
    """The positions after each whole turn, seen by the player whose turn comes next."""
    occupied = own | opponent | GROUND
    targets = [t for t in UPPER if not occupied >> t & 1 and BELOW[t] & occupied == BELOW[t]]
    moved = [(own | 1 << t, t) for t in targets if own.bit_count() < BALLS]
    for s in _free(own, opponent):
        moved += [
            (own ^ 1 << s | 1 << t, t) for t in targets if LEVEL[t] > LEVEL[s] and not BELOW[t] >> s & 1
        ]
    ends: set[int] = set()
    for after, target in moved:
        earned = any(after & shape == shape for shape in _shapes(rules)[target])
        if not earned or rules.endswith("-optional"):
            ends.add(after)
        for first in _free(after, opponent) if earned else []:
            once = after ^ 1 << first
            ends.add(once)
            ends |= {once ^ 1 << second for second in _free(once, opponent)}
    return {(opponent, end) for end in ends}


@functools.cache
def _shapes(rules: str) -> list[list[int]]:
    """For each cell the sets of cells around it that earn a take-back."""
    shapes = twin_rules.lines_and_squares(rules)
    return [[mask(shape) for shape in shapes if cell in shape] for cell in twin_rules.CELLS]


def _free(own: int, opponent: int) -> list[int]:
    """The mover's balls on which nothing rests."""
    occupied = own | opponent
    return [cell for cell in UPPER if own >> cell & 1 and not ABOVE[cell] & occupied]


@functools.cache
def solve(rules: str) -> Solution:
    """Solves a mini rule set.

    Args:
        rules: the name of the rule set, such as `mini-standard`.

    Returns:
        For each of the `positions` its value for the player to move and its distance. The value is 1 for a won
        position, -1 for a lost one and 0 where both can avoid to lose for ever. The distance is the number of
        whole turns (balls taken back belong to the turn) to the end of the game if the winner hurries and the
        loser delays: 0 where the player to move cannot move and has lost, None where the value is 0.
    """
    after = {position: turns(*position, rules) for position in positions()}
    solution: Solution = {}
    unsolved = list(after)
    distance = 0
    while True:
        # Only what takes less than `distance` turns is known by now, so what is found needs exactly as many.
        found: Solution = {}
        for position in unsolved:
            values = [solution[end][0] if end in solution else 0 for end in after[position]]
            if -1 in values:
                found[position] = 1, distance
            elif 0 not in values:
                found[position] = -1, distance
        if not found:
            return solution | dict.fromkeys(unsolved, (0, None))
        solution |= found
        unsolved = [position for position in unsolved if position not in found]
        distance += 1


def worth(game: twin_rules.Game, rules: str) -> tuple[int, int | None]:
    """Value and distance of any position of the mini game, in the middle of a turn too.

    There the turn that is not finished counts among the turns to the end.
    """
    if not game.pending:
        return solve(rules)[mask(game.own), mask(game.opponent)]
    worths = action_worths(game, rules)
    return worths[min(best_actions(worths), key=twin_rules.name)]


def action_worths(game: twin_rules.Game, rules: str) -> dict[twin_rules.Action, tuple[int, int | None]]:
    """What each legal action is worth to the player who takes it."""
    worths = {}
    for action in twin_rules.legal(game, rules):
        after = twin_rules.step(game, action, rules)
        value, distance = worth(after, rules)
        if after.side != game.side:
            value, distance = -value, None if distance is None else distance + 1
        worths[action] = value, distance
    return worths


def best_actions(worths: dict[twin_rules.Action, tuple[int, int | None]]) -> set[twin_rules.Action]:
    """The actions of perfect play: the highest value, then the shortest win or the longest loss."""
    best = max(value for value, _ in worths.values())
    keeping = {action: distance for action, (value, distance) in worths.items() if value == best}
    if best == 0:
        return set(keeping)
    wanted = (min if best == 1 else max)(keeping.values())
    return {action for action, distance in keeping.items() if distance == wanted}
