"""Options from outside become plain values in their ranges, or one sentence that says what they must be."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pylos.errors import ConfigurationError
from pylos.system.options import Range, checked_options, natural, own_arguments, plain, shown

WHOLE, REAL, POSITIVE = Range(int, 1, 8), Range(float, -1, 2.5), Range(float, 0, 9, above=True)


@pytest.mark.parametrize(
    ("allowed", "value", "expected"),
    [
        (WHOLE, 1, 1),
        (WHOLE, np.int16(8), 8),
        (WHOLE, torch.tensor(3), 3),
        (REAL, 2, 2.0),
        (REAL, np.float32(0.5), 0.5),
        (REAL, np.array(-1), -1.0),
        (REAL, torch.tensor(2.5, dtype=torch.bfloat16), 2.5),
        (POSITIVE, 1e-300, 1e-300),
    ],
)
def test_numbers_in_range_become_plain(allowed, value, expected):
    taken = checked_options({"size": value}, {"size": allowed})["size"]
    assert taken == expected
    assert type(taken) is type(expected)


@pytest.mark.parametrize(
    ("allowed", "value"),
    [
        *((WHOLE, value) for value in (0, 9, -(10**400), 1.0, math.nan, "3", None, np.array([1, 2]), np.float64(1))),
        *((REAL, value) for value in (math.nan, math.inf, -math.inf, np.float32("nan"), torch.tensor(3.0), 10**400)),
        *((POSITIVE, value) for value in (0, 0.0, -0.0, "1", [1.0])),
        *((allowed, value) for allowed in (WHOLE, REAL) for value in (True, np.bool_(True), 10**9999)),
    ],
    ids=itertools.count(),  # a number of 9,999 digits gives no name
)  # fmt: skip
def test_other_values_are_refused_in_one_short_line(allowed, value):
    with pytest.raises(ConfigurationError, match=r"^size must be a ") as caught:
        checked_options({"size": value}, {"size": allowed})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 150


def test_messages_say_what_is_allowed():
    assert str(WHOLE) == "a whole number from 1 to 8"
    assert str(REAL) == "a number from -1 to 2.5"
    assert str(POSITIVE) == "a number greater than 0 and at most 9"
    assert shown(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
    for long in ("x" * 99, [["x" * 50] * 9] * 9, {"x" * 99: "y\n" * 99}, 10**99, -(10**9999)):
        assert len(shown(long)) <= 60
        assert "\n" not in shown(long)


def test_plain_values_hold_nothing_of_numpy_or_torch():
    nested = {
        "path": Path("a/b"),
        "list": [np.float64(1.5), (torch.tensor(True), np.str_("x"))],
        "dict": {np.int64(3): None},
    }
    assert repr(plain(nested)) == "{'path': 'a/b', 'list': [1.5, (True, 'x')], 'dict': {3: None}}"
    array = np.zeros(3)
    assert plain(array) is array


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("99", 99), ("0" * 5000 + "1", 1), ("100", None), ("9" * 5000, None), ("", None),
     ("-1", None), ("+1", None), ("1.0", None), ("1_0", None), ("\u00b2", None), ("\u0663", None), (" 1", None)],
    ids=itertools.count(),
)  # fmt: skip
def test_whole_numbers_in_plain_digits(text, number):
    assert natural(text, 99) == number


def test_the_arguments_of_a_constructor():
    class Base:
        def __init__(self, size: int) -> None:
            self.size = size

    class Derived(Base):
        def __init__(self, width: int, *, size: int = 3) -> None:
            self.arguments = own_arguments(locals())
            super().__init__(size)

    assert Derived(2).arguments == {"width": 2, "size": 3}
