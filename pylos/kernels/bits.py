"""Operations on the bits of integers that kernels are made of, as single instructions where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numba
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba.core import cgutils, types
from numba.extending import intrinsic

from pylos.kernels.jit import jit

if TYPE_CHECKING:
    import numpy as np

    def atomic_or(array: np.ndarray, index: int, bits: int) -> int:
        """Sets bits of a byte of a uint8 array that other threads set bits of, too; returns the byte as it was."""

    def prefetch(array: np.ndarray, index: int) -> None:
        """Begins to fetch a byte of a uint8 array from memory, for it is to be read soon."""

    def popcount(value: int) -> int:
        """The number of set bits of an int64."""

    def lowest_bit(value: int) -> int:
        """The index of the lowest set bit of an int64, which must not be 0."""

    def gather_bits(value: int, mask: int) -> int:
        """The bits of ``value`` at the set bits of ``mask``, moved together at the low end."""

    def scatter_bits(value: int, mask: int) -> int:
        """The low bits of ``value``, moved to the set bits of ``mask``: undoes ``gather_bits``."""

else:

    @intrinsic
    def atomic_or(typing_context: Any, array: Any, index: Any, bits: Any) -> Any:
        """Sets bits of a byte of a uint8 array that other threads set bits of, too; returns the byte as it was."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            byte = builder.trunc(args[2], ir.IntType(8))
            return builder.zext(
                builder.atomic_rmw("or", builder.gep(data, [args[1]]), byte, "seq_cst"), ir.IntType(64)
            )

        return types.int64(array, types.int64, types.int64), generate

    @intrinsic
    def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
        """Begins to fetch a byte of a uint8 array from memory, for it is to be read soon."""

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

    @intrinsic
    def popcount(typing_context: Any, value: Any) -> Any:
        """The number of set bits of an int64."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.ctpop(args[0])

        return types.int64(types.int64), generate

    @intrinsic
    def lowest_bit(typing_context: Any, value: Any) -> Any:
        """The index of the lowest set bit of an int64, which must not be 0."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.int64), generate

    def gather_bits_slowly(value: int, mask: int) -> int:
        """``gather_bits`` for processors without an instruction for it."""
        result, bit = 0, 1
        while mask:
            if value & mask & -mask:
                result |= bit
            bit <<= 1
            mask &= mask - 1
        return result

    def scatter_bits_slowly(value: int, mask: int) -> int:
        """``scatter_bits`` for processors without an instruction for it."""
        result = 0
        while mask:
            if value & 1:
                result |= mask & -mask
            value >>= 1
            mask &= mask - 1
        return result

    def _calls(name: str) -> Any:
        """What an intrinsic returns that stands for an LLVM instruction on two words."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            declaration = ir.FunctionType(ir.IntType(64), [ir.IntType(64)] * 2)
            return builder.call(cgutils.get_or_insert_function(builder.module, declaration, name), args)

        return types.int64(types.int64, types.int64), generate

    if get_host_cpu_features().get("bmi2") and not numba.config.CPU_NAME:

        @intrinsic
        def gather_bits(typing_context: Any, value: Any, mask: Any) -> Any:
            """The bits of ``value`` at the set bits of ``mask``, moved together at the low end."""
            return _calls("llvm.x86.bmi.pext.64")

        @intrinsic
        def scatter_bits(typing_context: Any, value: Any, mask: Any) -> Any:
            """The low bits of ``value``, moved to the set bits of ``mask``: undoes ``gather_bits``."""
            return _calls("llvm.x86.bmi.pdep.64")

    else:
        gather_bits, scatter_bits = jit(gather_bits_slowly), jit(scatter_bits_slowly)
