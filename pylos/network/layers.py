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
    """`index_select` by all rows of `moves` [G, n], which are permutations. Its gradient is gathered and summed, too.

    torch scatters the gradient of its own `index_select`, and several threads then add to the same number in the order
    in which they come. On a GPU, and for some indexing on a CPU, no two runs would have the same bits.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, dim: int, moves: Tensor, back: Tensor) -> Tensor:
        """Makes dimension `dim` G times as long."""
        ctx.dim, ctx.shape = dim, moves.shape
        ctx.save_for_backward(back)
        return x.index_select(dim, moves.flatten())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        """Brings every gradient back to the place of its number, and sums over the G."""
        (back,) = ctx.saved_tensors
        parts = torch.unflatten(gradient.index_select(ctx.dim, back.flatten()), ctx.dim, ctx.shape)
        return parts.sum(ctx.dim), None, None, None


class _Tied(nn.Linear):
    """A linear layer whose parameters are shared by all elements of a group.

    Args:
        in_features: inputs of the parameters.
        out_features: outputs of the parameters.
        moves: int64 [G, n] where each element moves what it permutes.
    """

    def __init__(self, in_features: int, out_features: int, moves: np.ndarray) -> None:
        super().__init__(in_features, out_features)
        elements, n = moves.shape
        back = np.argsort(moves, axis=1) + n * np.arange(elements)[:, None]
        # These are no buffers. Who averages weights averages buffers, too, and DDP sends buffers around at every step.
        self.moves: Tensor | None = torch.tensor(moves) if elements > 1 else None
        self._back: Tensor | None = torch.tensor(back) if elements > 1 else None

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Tied:
        """Takes the tables along to another device; see `nn.Module._apply`, which `to` and the like call."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch's
        if self.moves is not None and self._back is not None:
            self.moves, self._back = fn(self.moves), fn(self._back)
        return self

    def _moved(self, x: Tensor, dim: int) -> Tensor:
        moved: Tensor = _Moved.apply(x, dim, self.moves, self._back)  # type: ignore[no-untyped-call]  # torch's
        return moved

    @abstractmethod
    def dense(self) -> tuple[Tensor, Tensor]:
        """The matrix [out, in] and the bias [out] of the layer, with the shares of all elements."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, in] to [B, out]."""
        return functional.linear(x, *self.dense())


class TiedLinear(_Tied):
    """A linear layer that turns with its input: a group convolution (Cohen and Welling, 2016, section 6).

    The outputs fall into G parts, one for each element of the group. Each part sees the input as its element moves it,
    and all parts have the same weights: only the first G-th of the [out, in] matrix is a parameter.

    Args:
        moves: int64 [G, in] where each element moves each input.
        out_features: a multiple of G.
    """

    def __init__(self, moves: np.ndarray, out_features: int) -> None:
        super().__init__(moves.shape[1], out_features // len(moves), moves)

    def dense(self) -> tuple[Tensor, Tensor]:
        """The whole matrix [out, in] and the whole bias [out]."""
        if self.moves is None:
            return self.weight, self.bias
        weight = self._moved(self.weight, 1).view(len(self.weight), *self.moves.shape)
        return weight.transpose(0, 1).flatten(0, 1), self.bias.repeat(len(self.moves))


class TiedHead(_Tied):
    """The counterpart of `TiedLinear`: its outputs move as the elements of the group move them.

    Args:
        in_features: a multiple of G; the parts of the input are those of a `TiedLinear`.
        moves: int64 [G, out] where each element moves each output.
    """

    def __init__(self, in_features: int, moves: np.ndarray) -> None:
        super().__init__(in_features // len(moves), moves.shape[1], moves)
        # torch has drawn the weights for a G-th of the inputs that there are.
        with torch.no_grad():
            self.weight /= math.sqrt(len(moves))

    def dense(self) -> tuple[Tensor, Tensor]:
        """The whole matrix [out, in] and the whole bias [out]; an output has the mean bias of all that it moves to."""
        if self.moves is None:
            return self.weight, self.bias
        weight = self._moved(self.weight, 0).view(*self.moves.shape, -1)
        return weight.transpose(0, 1).flatten(1), self._moved(self.bias, 0).view_as(self.moves).mean(0)


class TiedNorm(nn.LayerNorm):
    """Layer normalisation with the same scale and shift for all parts of the input.

    Args:
        features: a multiple of `elements`.
        elements: of the group; as many parts the input has.
    """

    def __init__(self, features: int, elements: int) -> None:
        super().__init__(features // elements)
        self.elements = elements

    def dense(self) -> tuple[Tensor, Tensor]:
        """The whole scale [features] and the whole shift [features]."""
        if self.elements == 1:
            return self.weight, self.bias
        return self.weight.repeat(self.elements), self.bias.repeat(self.elements)

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B, features] to [B, features]."""
        weight, bias = self.dense()
        return functional.layer_norm(x, weight.shape, weight, bias, self.eps)
