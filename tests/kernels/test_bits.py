"""Operations on bits, compared with plain Python: with the instructions of the processor, and without."""

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pylos.kernels.bits import (
    atomic_or,
    gather_bits,
    gather_bits_slowly,
    lowest_bit,
    popcount,
    prefetch,
    scatter_bits,
    scatter_bits_slowly,
)

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


@numba.njit
def count_and_find(value: int) -> tuple[int, int]:
    return popcount(value), lowest_bit(value)


@given(st.integers(1, 2**63 - 1))
def test_set_bits_are_counted_and_the_lowest_is_found(value):
    assert count_and_find(value) == (value.bit_count(), (value & -value).bit_length() - 1)


@numba.njit
def set_bits(array: np.ndarray, index: int, bits: int) -> int:
    prefetch(array, index)
    return atomic_or(array, index, bits)


@given(st.lists(st.integers(0, 255), min_size=1, max_size=9), st.integers(0, 8), st.integers(0, 255))
def test_bits_of_a_byte_are_set_and_the_byte_before_is_returned(content, index, bits):
    array, index = np.array(content, np.uint8), index % len(content)
    assert set_bits(array, index, bits) == content[index]
    content[index] |= bits
    assert array.tolist() == content
