"""Options from outside: they become plain Python values and are checked against what they may be."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pylos.errors import ConfigurationError

MOST_COUNT = 10**9
"""The largest number of anything that an option counts. It and its double fit into 32 bits; kernels rely on that."""


class Range(NamedTuple):
    """The numbers that an option may be. They never include infinities and NaN."""

    kind: type[int] | type[float]
    """`int` allows whole numbers only; `float` allows them, too, and makes floats of them. Neither allows a bool."""
    least: float
    most: float
    above: bool = False
    """Whether `least` itself is excluded."""

    def __str__(self) -> str:
        what = "a whole number" if self.kind is int else "a number"
        if self.above:
            return f"{what} greater than {self.least} and at most {self.most}"
        return f"{what} from {self.least} to {self.most}"

    def __contains__(self, value: object) -> bool:
        kinds = (int,) if self.kind is int else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            return False
        return self.least <= value <= self.most and not (self.above and value == self.least)


COUNT = Range(int, 1, MOST_COUNT)
COUNT_OR_ZERO = Range(int, 0, MOST_COUNT)
SEED = Range(int, -(2**63), 2**63 - 1)
SHARE = Range(float, 0, 1)


def checked_options(values: Mapping[str, Any], ranges: Mapping[str, Range]) -> dict[str, Any]:
    """Options as plain values, after a check of their ranges.

    Args:
        values: options by name; they may be scalars of NumPy and torch, and paths.
        ranges: the ranges of the numbers among them, by name.

    Returns:
        the same options as `plain` makes them; those in `ranges` as int or float.

    Raises:
        ConfigurationError: a value is out of its range or no number.
    """
    result = {name: plain(value) for name, value in values.items()}
    for name, allowed in ranges.items():
        if result[name] not in allowed:
            raise ConfigurationError(f"{name} must be {allowed}, got {shown(result[name])}")
        result[name] = allowed.kind(result[name])
    return result


def own_arguments(names: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a constructor.

    `save_hyperparameters` notes those of the command line; a subclass may have given its base class others.

    Args:
        names: the constructor's `locals()` at its start.
    """
    return {name: value for name, value in names.items() if name not in ("self", "__class__")}


def plain(value: Any) -> Any:
    """A value in which scalars of NumPy and torch, and paths, are plain: a checkpoint with them could not be read."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def natural(text: str, most: int = MOST_COUNT) -> int | None:
    """The whole number from 0 to `most` that a text consists of, in digits from 0 to 9; None if it is none."""
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else "-"
    # Too long a text is refused before `int`, which raises an error for thousands of digits.
    if digits == "-" or len(digits) > len(str(most)) or int(digits or "0") > most:
        return None
    return int(digits or "0")


def shown(value: object) -> str:
    """A value as text for a message: one short line."""
    try:
        text = " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python does not print a whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 100
