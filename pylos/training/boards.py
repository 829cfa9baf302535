"""Boards to judge, from a file."""

from __future__ import annotations

from typing import Any

from torch.utils.data import DataLoader

from pylos.errors import ConfigurationError, PositionError
from pylos.game.board import Board
from pylos.system.files import read_text


def read_boards(path: str, rules: str) -> list[Board]:
    """Reads positions from a file, one a line; lines that begin with # do not count.

    Raises:
        ConfigurationError: the file cannot be read, or there is no position in it.
        PositionError: a line holds something else.
    """
    try:
        lines = [line.strip() for line in read_text(path).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read positions from {path}: {error}") from error
    boards = []
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            try:
                boards.append(Board.from_text(line, rules=rules))
            except PositionError as error:
                raise PositionError(f"{path}, line {number}: {error}") from None
    if not boards:
        raise ConfigurationError(f"there is no position in {path}")
    return boards


def single_batch(boards: list[Board]) -> DataLoader[list[Board]]:
    """What Lightning takes for one loader; a plain list would be a list of loaders."""
    dataset: Any = [boards]  # a list is a dataset, though its type does not say so
    return DataLoader(dataset, batch_size=None, collate_fn=None)
