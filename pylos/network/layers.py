"""Layers whose weights are tied over the eight symmetries of the square."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class _Moved(torch.autograd.Function):
    """``index_select`` by all rows of ``moves`` [G, n], permutations, whose gradient is gathered and summed, too.

    torch's own is scattered, and where threads meet it adds up in the order in which they come: on a GPU, for some
    indexing also on a CPU, no two runs would have the same bits.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int, moves: Tensor, back: Tensor) -> Tensor:
        """Makes dimension ``dim`` G times as long."""
        ctx.dim, ctx.shape = dim, moves.shape
        ctx.save_for_backward(back)
        return x.index_select(dim, moves.flatten())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Brings every gradient back to where its number came from."""
        (back,) = ctx.saved_tensors
        parts = torch.unflatten(gradient.index_select(ctx.dim, back.flatten()), ctx.dim, ctx.shape)
        return parts.sum(ctx.dim), None, None, None


class _Tied(nn.Linear):
    """A linear layer whose parameters stand for those of all elements of a group."""

    moves: Tensor | None
    _back: Tensor | None

    def __init__(self, in_features: int, out_features: int, moves: np.ndarray) -> None:
        super().__init__(in_features, out_features)
        elements, n = moves.shape
        back = np.argsort(moves, axis=1) + n * np.arange(elements)[:, None]
        # No buffers: whoever averages weights averages buffers, too, and DDP sends them around at every step.
        self.moves, self._back = (torch.tensor(moves), torch.tensor(back)) if elements > 1 else (None, None)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Tied:
        """Takes the tables along to another device; see ``nn.Module._apply``, which ``to`` and its kind call."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch's
        if self.moves is not None and self._back is not None:
            self.moves, self._back = fn(self.moves), fn(self._back)
        return self

    def _moved(self, x: Tensor, dim: int) -> Tensor:
        moved: Tensor = _Moved.apply(x, dim, self.moves, self._back)  # type: ignore[no-untyped-call]  # torch's
        return moved

    @abstractmethod
    def dense(self) -> tuple[Tensor, Tensor]:
        """The whole matrix [out, in] and the whole bias [out]."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, in] to [B, out]."""
        return functional.linear(x, *self.dense())


class TiedLinear(_Tied):
    """A linear layer that turns with its input: a group convolution (Cohen and Welling, 2016, section 6).

    The outputs fall into G parts, one for each element of the group. A part sees the input as its element moves it,
    by the same weights as all others: of the [out, in] matrix only the first G-th is a parameter.

    Args:
        moves: int64 [G, in] where each element moves each input.
        out_features: a multiple of G.
    """

    def __init__(self, moves: np.ndarray, out_features: int) -> None:
        super().__init__(moves.shape[1], out_features // len(moves), moves)

    def dense(self) -> tuple[Tensor, Tensor]:
        """See `_Tied.dense`."""
        if self.moves is None:
            return self.weight, self.bias
        weight = self._moved(self.weight, 1).view(len(self.weight), *self.moves.shape)
        return weight.transpose(0, 1).flatten(0, 1), self.bias.repeat(len(self.moves))


class TiedHead(_Tied):
    """The counterpart of ``TiedLinear``: its outputs move as the elements of the group move them.

    Args:
        in_features: a multiple of G; the input's parts are those of a ``TiedLinear``.
        moves: int64 [G, out] where each element moves each output.
    """

    def __init__(self, in_features: int, moves: np.ndarray) -> None:
        super().__init__(in_features // len(moves), moves.shape[1], moves)
        with torch.no_grad():
            self.weight /= math.sqrt(len(moves))  # there are as many times more inputs than torch knows of

    def dense(self) -> tuple[Tensor, Tensor]:
        """The whole matrix [out, in] and the bias [out], each output's the mean of those it can be moved to."""
        if self.moves is None:
            return self.weight, self.bias
        weight = self._moved(self.weight, 0).view(*self.moves.shape, -1)
        return weight.transpose(0, 1).flatten(1), self._moved(self.bias, 0).view_as(self.moves).mean(0)


class TiedNorm(nn.LayerNorm):
    """Layer normalisation whose scale and shift are the same for all ``elements`` parts of the input."""

    def __init__(self, features: int, elements: int) -> None:
        super().__init__(features // elements)
        self.elements = elements

    def dense(self) -> tuple[Tensor, Tensor]:
        """The whole scale and the whole shift, [features] each."""
        if self.elements == 1:
            return self.weight, self.bias
        return self.weight.repeat(self.elements), self.bias.repeat(self.elements)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, features] to [B, features]."""
        weight, bias = self.dense()
        return functional.layer_norm(x, weight.shape, weight, bias, self.eps)
