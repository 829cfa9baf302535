"""Products that are rounded before anything is added to them, on every processor.

A compiler for CUDA devices fuses a product with the sum around it, in which the product is then not rounded: more
exact, but with other bits than on the host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _product(typing_context: Any, left: Any, right: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not builder.module.triple.startswith("nvptx"):
            return builder.fmul(*args)
        number = ir.DoubleType()
        kind = ir.FunctionType(number, [number, number])
        return builder.call(ir.InlineAsm(kind, "mul.rn.f64 $0, $1, $2;", "=d,d,d"), args)

    return types.float64(types.float64, types.float64), generate


product: Callable[[float, float], float] = intrinsic(_product)
"""`product(left, right)` is the rounded product of two float64, in kernels only."""
