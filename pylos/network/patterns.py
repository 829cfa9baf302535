"""What stands on a few cells, looked up as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pylos.game.rules import LEVEL_SIZE, cell_index

SQUARES = [
    [
        *(cell_index(level, row + i, column + j) for i in (0, 1) for j in (0, 1)),
        cell_index(level + 1, row, column),
    ]
    for level, size in enumerate(LEVEL_SIZE[:-1])
    for row in range(size - 1)
    for column in range(size - 1)
]
"""The 14 squares of four cells, each with the cell that rests on it."""
_SPREAD = 0.05
"""Standard deviation of the first weights."""


class TiedPatterns(nn.Module):
    """An n-tuple network (Bledsoe and Browning, 1959; Lucas, 2008, "Learning to play Othello with n-tuple systems").

    The inputs of a group are -1, 0 or 1, so that n of them make one of 3^n patterns. Each pattern has weights of its
    own. The outputs are the sum of those of the patterns that are there. That costs a look-up for each group, however
    many patterns there are. The outputs turn with the inputs, as those of `TiedLinear` do.

    Args:
        groups: Q groups of the numbers of inputs; the elements turn groups into groups.
        inputs: int64 [G, N] where each element moves each input.
        width: of the outputs, a multiple of G.
    """

    def __init__(self, groups: Sequence[Sequence[int]], inputs: np.ndarray, width: int) -> None:
        super().__init__()
        sizes = [3 ** len(group) for group in groups]
        first = np.cumsum([0, *sizes])
        powers = np.zeros((1 + max(max(group) for group in groups), len(groups)), np.float32)
        for column, group in enumerate(groups):
            powers[group, column] = 3 ** np.arange(len(group))
        # These are no buffers, see `pylos.network.layers`.
        self._powers, self._first = torch.from_numpy(powers), torch.from_numpy(first[:-1])
        self._moves = torch.from_numpy(_pattern_moves(groups, inputs, first))
        self.weight = nn.Parameter(_SPREAD * torch.randn(int(first[-1]), width // len(inputs)))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TiedPatterns:
        """Takes the tables along to another device; see `nn.Module._apply`, which `to` and the like call."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch's
        self._powers, self._first, self._moves = fn(self._powers), fn(self._first), fn(self._moves)
        return self

    def present(self, inputs: Tensor) -> Tensor:
        """The numbers of the patterns that are there, int64 [B, Q], of inputs [B, N]."""
        x = inputs[:, : len(self._powers)].to(self._powers.dtype)
        # An own ball counts 1, one of the opponent 2. All numbers are whole, and none is rounded.
        return (x * (1.5 * x - 0.5) @ self._powers).long() + self._first

    def dense(self) -> Tensor:
        """The weights of all patterns, [P, width]."""
        return self.weight[self._moves].transpose(0, 1).flatten(1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps [B, N] to [B, width]."""
        with torch.autocast(inputs.device.type, enabled=False):
            seen = self._moves[:, self.present(inputs)]  # [G, B, Q] as each element of the group sees them
        parts = sum_of_rows(seen.flatten(0, 1), self.weight)
        return parts.view(len(seen), len(inputs), -1).transpose(0, 1).flatten(1)


def sum_of_rows(rows: Tensor, table: Tensor) -> Tensor:
    """Sums up some rows of a table.

    Args:
        rows: int64 [B, Q] their numbers.
        table: [P, width].

    Returns:
        [B, width].
    """
    if torch.compiler.is_exporting():  # other programs know no bags
        return functional.embedding(rows, table).sum(1)
    return functional.embedding_bag(rows, table, mode="sum")


def _pattern_moves(groups: Sequence[Sequence[int]], inputs: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Where each element of the symmetries moves each pattern, int64 [G, P]."""
    moves = np.empty((len(inputs), first[-1]), np.int64)
    places = {frozenset(group): place for place, group in enumerate(groups)}
    for moved, out in zip(inputs, moves, strict=True):
        for place, group in enumerate(groups):
            image = [int(moved[i]) for i in group]
            there = places[frozenset(image)]
            order = [list(groups[there]).index(i) for i in image]
            digits = np.arange(3 ** len(group))[:, None] // 3 ** np.arange(len(group)) % 3
            out[first[place] : first[place + 1]] = first[there] + digits @ 3 ** np.array(order)
    return moves
