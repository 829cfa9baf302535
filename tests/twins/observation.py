"""What the network sees, in plain Python: the slow twin of `pylos.game.observation`."""

from __future__ import annotations

from tests.twins import rules as twin_rules


def observe(game: twin_rules.Game, rules: str) -> list[float]:
    supported = twin_rules.supported(game.occupied | twin_rules.ground(rules))
    balls = twin_rules.balls_per_player(rules)
    other_side = twin_rules.Game(game.white, game.black, "b" if game.side == "w" else "w", 0)
    return [
        *(float(cell in game.own) - float(cell in game.opponent) for cell in twin_rules.CELLS),
        (balls - len(game.own)) / 15,
        (balls - len(game.opponent)) / 15,
        float(game.pending == 2),
        float(game.pending == 1),
        *_plane(supported),
        *_plane(twin_rules.free(game)),
        *_plane(twin_rules.free(other_side)),
        *_plane({cell for cell in supported if _completes(game.own | {cell}, cell, rules)}),
        *_plane({cell for cell in supported if _completes(game.opponent | {cell}, cell, rules)}),
    ]


def _plane(cells: set[twin_rules.Cell]) -> list[float]:
    return [float(cell in cells) for cell in twin_rules.CELLS]


def _completes(balls: frozenset[twin_rules.Cell], cell: twin_rules.Cell, rules: str) -> bool:
    return any(cell in shape and shape <= balls for shape in twin_rules.lines_and_squares(rules))
