"""Bits of words, compared with plain Python: with the instructions of the processor, and without."""

import numba
from hypothesis import given
from hypothesis import strategies as st

from pylos.kernels.bits import gather_bits, gather_bits_slowly, scatter_bits, scatter_bits_slowly

WORDS = st.integers(0, 2**62)


def gathered(value: int, mask: int) -> int:
    bits = [value >> i & 1 for i in range(64) if mask >> i & 1]
    return sum(bit << i for i, bit in enumerate(bits))


def scattered(value: int, mask: int) -> int:
    return sum((value >> i & 1) << place for i, place in enumerate(i for i in range(64) if mask >> i & 1))


@numba.njit
def gather(value: int, mask: int) -> int:
    return gather_bits(value, mask)


@numba.njit
def scatter(value: int, mask: int) -> int:
    return scatter_bits(value, mask)


@given(WORDS, WORDS)
def test_bits_are_gathered_and_scattered(value, mask):
    for function in (gather, gather_bits_slowly):
        assert function(value, mask) == gathered(value, mask)
    for function in (scatter, scatter_bits_slowly):
        assert function(value, mask) == scattered(value, mask)
