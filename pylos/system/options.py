"""Options as they come from outside: brought to plain Python values and held to what they may be."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from pylos.errors import ConfigurationError

MOST_COUNT = 10**9
"""The most of anything that an option counts: it and its doubles fit into 32 bits, which kernels rely on."""


class Range(NamedTuple):
    """The numbers that something may be. Infinities and NaN never are."""

    kind: type[int] | type[float]
    """``int`` takes whole numbers only; ``float`` takes those, too, and makes them floats. Neither takes a bool."""
    least: float
    most: float
    above: bool = False
    """Whether it must be greater than ``least``."""

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
    """Options as plain values.

    Args:
        values: options by name; NumPy's and torch's scalars and paths are fine.
        ranges: what the numbers among them may be, by name.

    Returns:
        The same options as ``plain`` makes them; those in ``ranges`` as int or float.

    Raises:
        ConfigurationError: a number is out of its range or no number.
    """
    result = {name: plain(value) for name, value in values.items()}
    for name, allowed in ranges.items():
        if result[name] not in allowed:
            raise ConfigurationError(f"{name} must be {allowed}, got {shown(result[name])}")
        result[name] = allowed.kind(result[name])
    return result


def own_arguments(names: Mapping[str, Any]) -> dict[str, Any]:
    """What a constructor was given, from its ``locals()`` at its start.

    ``save_hyperparameters`` notes what the command line said; a subclass may have given its base something else.
    """
    return {name: value for name, value in names.items() if name not in ("self", "__class__")}


def plain(value: Any) -> Any:
    """A value without NumPy's and torch's scalars and without paths, for a checkpoint could not be read with them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    return value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value


def natural(text: str, most: int = MOST_COUNT) -> int | None:
    """The whole number from 0 to ``most`` that a text writes in plain digits; None if it writes none."""
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else "-"
    # Python refuses to read thousands of digits.
    if digits == "-" or len(digits) > len(str(most)) or int(digits or "0") > most:
        return None
    return int(digits or "0")


def shown(value: object) -> str:
    """A value as it stands in a message: on one line, and short whatever it is."""
    try:
        text = " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 100
