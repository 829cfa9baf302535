"""Operations on the bits of integers, for kernels: single instructions of the processor where it has them.

Each is an intrinsic of numba: a Python function that says which LLVM code a call becomes. They work in kernels only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import cgutils, types
from numba.extending import intrinsic

from pylos.kernels.jit import jit

# Bits in memory ----------------------------------------------------------------------------------------------


def _atomic_or(typing_context: Any, array: Any, index: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte = builder.trunc(args[2], ir.IntType(8))
        return builder.zext(
            builder.atomic_rmw("or", builder.gep(data, [args[1]]), byte, "seq_cst"), ir.IntType(64)
        )

    return types.int64(array, types.int64, types.int64), generate


atomic_or: Callable[[np.ndarray, int, int], int] = intrinsic(_atomic_or)
"""`atomic_or(array, index, bits)` sets bits of a byte of a uint8 array and returns the byte as it was before.

Other threads may set bits of the same byte at the same time.
"""


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        read, keep, data_cache = 0, 3, 1
        flags = [ir.Constant(number, flag) for flag in (read, keep, data_cache)]
        builder.call(function, [builder.gep(data, [args[1]]), *flags])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


prefetch: Callable[[np.ndarray, int], None] = intrinsic(_prefetch)
"""`prefetch(array, index)` starts to fetch a byte of a uint8 array from memory: a read soon after finds it there."""


# Bits of one integer -----------------------------------------------------------------------------------------


def _popcount(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.int64), generate


popcount: Callable[[int], int] = intrinsic(_popcount)
"""The number of set bits of an int64."""


def _lowest_bit(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


lowest_bit: Callable[[int], int] = intrinsic(_lowest_bit)
"""The index of the lowest set bit of an int64, which must not be 0."""


# Bits under a mask -------------------------------------------------------------------------------------------


def gather_bits_slowly(value: int, mask: int) -> int:
    """`gather_bits` for processors without an instruction for it."""
    result, bit = 0, 1
    while mask:
        if value & mask & -mask:
            result |= bit
        bit <<= 1
        mask &= mask - 1
    return result


def scatter_bits_slowly(value: int, mask: int) -> int:
    """`scatter_bits` for processors without an instruction for it."""
    result = 0
    while mask:
        if value & 1:
            result |= mask & -mask
        value >>= 1
        mask &= mask - 1
    return result


def _instruction_on_two_words(name: str) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        declaration = ir.FunctionType(ir.IntType(64), [ir.IntType(64)] * 2)
        return builder.call(cgutils.get_or_insert_function(builder.module, declaration, name), args)

    return types.int64(types.int64, types.int64), generate


def _gather_bits(typing_context: Any, value: Any, mask: Any) -> Any:
    return _instruction_on_two_words("llvm.x86.bmi.pext.64")


def _scatter_bits(typing_context: Any, value: Any, mask: Any) -> Any:
    return _instruction_on_two_words("llvm.x86.bmi.pdep.64")


# NUMBA_CPU_NAME asks for the code of another processor, which may lack them.
_HAS_INSTRUCTIONS = get_host_cpu_features().get("bmi2") and not numba.config.CPU_NAME

gather_bits: Callable[[int, int], int] = (
    intrinsic(_gather_bits) if _HAS_INSTRUCTIONS else jit(gather_bits_slowly)
)
"""`gather_bits(value, mask)` moves the bits of `value` at the set bits of `mask` together, to the low end."""
scatter_bits: Callable[[int, int], int] = (
    intrinsic(_scatter_bits) if _HAS_INSTRUCTIONS else jit(scatter_bits_slowly)
)
"""`scatter_bits(value, mask)` moves the low bits of `value` to the set bits of `mask`: the inverse of `gather_bits`."""
