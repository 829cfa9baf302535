"""The symmetries in plain Python: the slow twin of `pylos.game.symmetry`."""

from __future__ import annotations

from tests.twins import rules as twin_rules


def moved(cell: twin_rules.Cell, symmetry: int) -> twin_rules.Cell:
    """Where a symmetry takes a cell: it transposes (4), then turns rows over (2) and columns (1)."""
    level, row, column = cell
    if symmetry in (4, 5, 6, 7):
        row, column = column, row
    if symmetry in (2, 3, 6, 7):
        row = twin_rules.SIZES[level] - 1 - row
    if symmetry in (1, 3, 5, 7):
        column = twin_rules.SIZES[level] - 1 - column
    return level, row, column


def transform(game: twin_rules.Game, symmetry: int) -> twin_rules.Game:
    white, black = (frozenset(moved(cell, symmetry) for cell in balls) for balls in (game.white, game.black))
    return twin_rules.Game(white, black, game.side, game.pending)
