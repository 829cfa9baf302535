"""Products are those of Python, for every pair of numbers and all types that kernels hand over."""

import numba
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pylos.kernels.jit import inlined, jit
from pylos.kernels.rounding import product

numbers = st.floats(-1e6, 1e6)


@inlined
def mixed(share: float, one: np.float32, other: np.float32) -> float:
    return product(1 - share, one) + product(share, other)


@jit
def mix(share: float, numbers: np.ndarray) -> float:
    return mixed(share, numbers[0], numbers[1])


@numba.njit
def multiply(left: float, right: float) -> float:
    return product(left, right)


@given(numbers, numbers)
def test_a_product_is_that_of_python(left, right):
    assert multiply(left, right) == left * right


@given(st.floats(0, 1), st.floats(-1, 1, width=32), st.floats(-1, 1, width=32))
def test_float32_is_multiplied_as_float64(share, one, other):
    assert mix(share, np.array([one, other], np.float32)) == (1 - share) * one + share * other
