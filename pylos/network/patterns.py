"""What stands on a few cells, looked up as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pylos.game.rules import LEVEL_SIZE, cell_index


def _formations() -> list[list[int]]:
    groups = [
        [
            *(cell_index(level, row + i, column + j) for i in (0, 1) for j in (0, 1)),
            cell_index(level + 1, row, column),
        ]
        for level, size in enumerate(LEVEL_SIZE[:-1])
        for row in range(size - 1)
        for column in range(size - 1)
    ]
    for level, size in enumerate(LEVEL_SIZE[:2]):
        board = [[cell_index(level, row, column) for column in range(size)] for row in range(size)]
        groups += [*board, *map(list, zip(*board, strict=True))]
    return groups


PATTERNS = _formations()
"""The cells that make the formations of the rules: 14 squares, each with the cell that rests on it, and the 14 rows and
columns of the two lower levels. An observation begins with the cells."""
NUM_PATTERNS = sum(3 ** len(group) for group in PATTERNS)
_RATE = 1 / 16
"""By how much the table is multiplied, so by how much more slowly than a layer it learns. Most patterns are rare, and
Adam moves what seldom has a gradient as far as what always has one: at full speed the table learns the outcomes of
single games by heart, in place of what they have in common."""


class Numbering(NamedTuple):
    """What makes the numbers of patterns of inputs."""

    powers: Tensor
    """float32 [inputs, Q] by how much each input counts in each group."""
    first: Tensor
    """float32 [Q] the number of the pattern of zeros of each group."""

    def to(self, device: torch.device) -> Numbering:
        """The same on another device."""
        return Numbering(self.powers.to(device), self.first.to(device))

    def __call__(self, inputs: Tensor) -> Tensor:
        """The numbers of the patterns that are there, int32 [B, Q], of inputs [B, N]; only their signs count."""
        signs = inputs[:, : len(self.powers)].sign().to(self.powers.dtype)
        device = inputs.device.type
        rounds = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if rounds else nullcontext():
            return torch.addmm(self.first, signs, self.powers).int()


class TiedPatterns(nn.Module):
    """An n-tuple network (Bledsoe and Browning, 1959; Lucas, 2008, "Learning to play Othello with n-tuple systems").

    The inputs of a group are -1, 0 or 1, so that n of them make one of 3^n patterns. Each pattern has weights of its
    own. The outputs are the sum of those of the patterns that are there. That costs a look-up for each group, however
    many patterns there are. The outputs turn with the inputs, as those of `TiedLinear` do.

    Args:
        groups: Q groups of the numbers of inputs; the elements turn groups into groups. A group has at most six, so
            that a device that rounds what it multiplies to bfloat16 finds its pattern, too.
        inputs: int64 [G, N] where each element moves each input.
        width: of the outputs, a multiple of G.
    """

    def __init__(self, groups: Sequence[Sequence[int]], inputs: np.ndarray, width: int) -> None:
        super().__init__()
        bounds = np.cumsum([0, *(3 ** len(group) for group in groups)])
        powers = np.zeros((1 + max(max(group) for group in groups), len(groups)), np.float32)
        for column, group in enumerate(groups):
            powers[group, column] = 3 ** np.arange(len(group))
        # A sign of -1 is the digit 0 of a number to base 3. These tables are no buffers, see `pylos.network.layers`.
        self.numbers = Numbering(
            torch.from_numpy(powers), torch.from_numpy(bounds[:-1] + powers.sum(0)).float()
        )
        moves = _pattern_moves(groups, inputs, bounds)
        elements, patterns = moves.shape
        back = elements * np.argsort(moves, axis=1).T + np.arange(elements)
        self._moves, self._back = torch.from_numpy(moves.T.flatten()).int(), torch.from_numpy(back).int()
        self.table = nn.Parameter(torch.zeros(patterns, width // elements))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TiedPatterns:
        """Takes the tables along to another device; see `nn.Module._apply`, which `to` and the like call."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch's
        self.numbers = self.numbers.to(self.table.device)
        self._moves, self._back = self._moves.to(self.table.device), self._back.to(self.table.device)
        return self

    def extra_repr(self) -> str:
        """The sizes."""
        return f"groups={len(self.numbers.first)}, patterns={len(self.table)}"

    def dense(self) -> Tensor:
        """The weights of all patterns, [P, width]."""
        return _dense(_RATE * self.table, self._moves)

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps [B, N] to [B, width]."""
        rows = self.numbers(inputs)
        if torch.compiler.is_exporting():  # other programs know no bags
            return functional.embedding(rows, self.dense()).sum(1)
        total: Tensor = _SumOfRows.apply(rows, _RATE * self.table, self._moves, self._back)  # type: ignore[no-untyped-call]
        return total


def _dense(weight: Tensor, moves: Tensor) -> Tensor:
    return weight.index_select(0, moves).view(len(weight), -1)


class _SumOfRows(torch.autograd.Function):
    """Sums up some rows of the table of a layer. The gradient of its weights is gathered and summed, too.

    All of this has the same bits every time, also on a GPU: nothing is scattered, and of bags torch counts only those
    of maxima among its nondeterministic operations. torch's own gradients would take three times as long.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, moves: Tensor, back: Tensor) -> Tensor:
        """Maps the numbers of patterns [B, Q] to [B, width]."""
        ctx.save_for_backward(rows, back)
        return functional.embedding_bag(rows, _dense(weight, moves), mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None, None]:
        """Sums up the gradients of all samples that had a pattern, and then those of all its images."""
        rows, back = ctx.saved_tensors
        # The patterns of a group have higher numbers than those of the groups before it.
        numbers, samples = rows.T.sort(dim=1, stable=True)
        first = torch.searchsorted(
            numbers.flatten(), torch.arange(len(back), dtype=rows.dtype, device=rows.device)
        )
        dense = functional.embedding_bag(samples.flatten(), gradient, first, mode="sum")
        return None, functional.embedding_bag(back, dense.view(back.numel(), -1), mode="sum"), None, None


def _pattern_moves(groups: Sequence[Sequence[int]], inputs: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Where each element of the symmetries moves each pattern, int64 [G, P].

    Args:
        groups: see `TiedPatterns`.
        inputs: see `TiedPatterns`.
        bounds: int64 [Q + 1] the first pattern of each group, and the number of all.
    """
    moves = np.empty((len(inputs), bounds[-1]), np.int64)
    places = {frozenset(group): place for place, group in enumerate(groups)}
    for moved, out in zip(inputs, moves, strict=True):
        for place, group in enumerate(groups):
            image = [int(moved[i]) for i in group]
            there = places[frozenset(image)]
            order = [list(groups[there]).index(i) for i in image]
            digits = np.arange(3 ** len(group))[:, None] // 3 ** np.arange(len(group)) % 3
            out[bounds[place] : bounds[place + 1]] = bounds[there] + digits @ 3 ** np.array(order)
    return moves
