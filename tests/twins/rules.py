"""Pylos in plain Python: the slow twin of `pylos.game.rules`.

Written from the text of the rules, with cells as (level, row, column) tuples, dicts and sets. It imports
nothing of the package; the two meet in position texts and action names only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

Cell = tuple[int, int, int]
Action = tuple[Cell | None, Cell | None]
"""(source, target): from None is from the reserve, to None is to the reserve, (None, None) is stop."""

SIZES = (4, 3, 2, 1)
CELLS: list[Cell] = [(n, r, c) for n in range(4) for r in range(SIZES[n]) for c in range(SIZES[n])]
NAMES = {(n, r, c): f"{n + 1}{'ABCD'[r]}{c + 1}" for n, r, c in CELLS}
TOP = (3, 0, 0)


def below(cell: Cell) -> set[Cell]:
    """The four cells on which a cell rests; none on the lowest level."""
    level, row, column = cell
    return {(level - 1, row + i, column + j) for i in (0, 1) for j in (0, 1)} if level else set()


def ground(rules: str) -> frozenset[Cell]:
    """The cells that are taken from the start, by nobody: the lowest level in the mini game."""
    return frozenset(cell for cell in CELLS if rules.startswith("mini-") and cell[0] == 0)


def balls_per_player(rules: str) -> int:
    return 7 if rules.startswith("mini-") else 15


def lines_and_squares(rules: str) -> list[set[Cell]]:
    """All sets of cells that earn a take-back when one side fills them."""
    kind = rules.removeprefix("mini-").removesuffix("-optional")
    found: list[set[Cell]] = []
    if kind != "children":
        found += [below(cell) for cell in CELLS if cell[0]]
    if kind == "mature":
        for level in (0, 1):
            for i in range(SIZES[level]):
                found.append({(level, i, j) for j in range(SIZES[level])})
                found.append({(level, j, i) for j in range(SIZES[level])})
    return found


@dataclass(frozen=True)
class Game:
    """A position: who owns which cell, who acts, how many balls may still be taken back."""

    white: frozenset[Cell]
    black: frozenset[Cell]
    side: str
    pending: int

    @property
    def own(self) -> frozenset[Cell]:
        return self.white if self.side == "w" else self.black

    @property
    def opponent(self) -> frozenset[Cell]:
        return self.black if self.side == "w" else self.white

    @property
    def occupied(self) -> frozenset[Cell]:
        return self.white | self.black

    def with_own(self, own: frozenset[Cell], pending: int, change_side: bool) -> Game:
        white, black = (own, self.black) if self.side == "w" else (self.white, own)
        side = {"w": "b", "b": "w"}[self.side] if change_side else self.side
        return Game(white, black, side, pending)


def parse(text: str) -> Game:
    levels, side, pending = text.split()
    cells = dict(zip(CELLS, levels.replace("/", ""), strict=True))
    white, black = (frozenset(cell for cell, ball in cells.items() if ball == colour) for colour in "wb")
    return Game(white, black, side, int(pending))


def format_game(game: Game) -> str:
    levels = [
        "".join("w" if c in game.white else "b" if c in game.black else "." for c in CELLS if c[0] == level)
        for level in range(4)
    ]
    return f"{'/'.join(levels)} {game.side} {game.pending}"


def supported(occupied: frozenset[Cell]) -> set[Cell]:
    """Empty cells that can carry a ball."""
    return {cell for cell in CELLS if cell not in occupied and below(cell) <= occupied}


def free(game: Game) -> set[Cell]:
    """The mover's balls on which nothing rests."""
    return {cell for cell in game.own if not any(cell in below(other) for other in game.occupied)}


def legal(game: Game, rules: str) -> set[Action]:
    if game.pending:
        stop: set[Action] = {(None, None)} if game.pending == 1 or rules.endswith("-optional") else set()
        return stop | {(cell, None) for cell in free(game)}
    targets = supported(game.occupied | ground(rules))
    in_reserve = balls_per_player(rules) - len(game.own)
    placing: set[Action] = {(None, target) for target in targets} if in_reserve else set()
    raising = {(s, t) for s in free(game) for t in targets if t[0] > s[0] and s not in below(t)}
    return placing | raising


def step(game: Game, action: Action, rules: str) -> Game:
    source, target = action
    own = game.own - {source}
    if game.pending:
        after = game.with_own(own, 1, change_side=False)
        more = source is not None and game.pending == 2 and bool(free(after))
        return after if more else game.with_own(own, 0, change_side=True)
    assert target is not None
    own = own | {target}
    earned = any(target in shape and shape <= own for shape in lines_and_squares(rules))
    return game.with_own(own, 2 if earned else 0, change_side=not earned)


def is_over(game: Game, rules: str) -> bool:
    """Whether the mover has no move."""
    return not legal(game, rules)


def turns(game: Game, rules: str) -> Iterator[Game]:
    """The positions after each whole turn; a set of balls taken back counts once."""
    for action in legal(game, rules):
        after = step(game, action, rules)
        if not after.pending:
            yield after
            continue
        ends = {after.with_own(after.own, 0, True)} if rules.endswith("-optional") else set()
        for first in free(after):
            once = after.with_own(after.own - {first}, 0, False)
            ends.add(once.with_own(once.own, 0, True))
            ends |= {once.with_own(once.own - {second}, 0, True) for second in free(once)}
        yield from ends


def perft(game: Game, depth: int, rules: str) -> int:
    return 1 if depth == 0 else sum(perft(after, depth - 1, rules) for after in turns(game, rules))


def name(action: Action) -> str:
    source, target = action
    if source is None:
        return "=" if target is None else NAMES[target]
    return f"-{NAMES[source]}" if target is None else f"{NAMES[source]}^{NAMES[target]}"


def action_names() -> list[str]:
    """All names in the order of their ids; id 29 as the apex."""
    pairs = [(s, t) for s in CELLS for t in CELLS if t[0] > s[0]]
    return [name((None, t)) for t in CELLS] + [name((s, None if t == TOP else t)) for s, t in pairs]


ACTION_IDS = {name: i for i, name in enumerate(action_names())} | {"=": 29}


def action_id(action: Action) -> int:
    return ACTION_IDS[name(action)]


def sorted_actions(game: Game, rules: str) -> list[Action]:
    """The legal actions by id."""
    return sorted(legal(game, rules), key=action_id)


def supported_occupancies(ground: frozenset[Cell]) -> Iterator[frozenset[Cell]]:
    """Every set of cells that balls can occupy, so that each rests on four others or on the ground."""
    for above in _upper_parts():
        if ground:
            yield above
            continue
        needed = set().union(*(below(cell) for cell in above), set())
        rest = [cell for cell in CELLS if cell[0] == 0 and cell not in needed]
        lowest = frozenset(cell for cell in needed if cell[0] == 0)
        for size in range(len(rest) + 1):
            for chosen in combinations(rest, size):
                yield above | lowest | frozenset(chosen)


def _upper_parts() -> Iterator[frozenset[Cell]]:
    second = [cell for cell in CELLS if cell[0] == 1]
    for size in range(len(second) + 1):
        for chosen in map(frozenset, combinations(second, size)):
            third = [cell for cell in CELLS if cell[0] == 2 and below(cell) <= chosen]
            for count in range(len(third) + 1):
                for upper in map(frozenset, combinations(third, count)):
                    yield chosen | upper
                    if len(upper) == 4:
                        yield chosen | upper | {TOP}
