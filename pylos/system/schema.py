"""Schemas: what a saved state must look like, and the check of a state from a file against its schema.

A schema is one of these:

- a `Range`: a number; an `Array`: a tensor; a `Choice`: one of some values; a type: anything of that type;
- `{name: schema}`: a dictionary with at least these entries (others are not checked);
- `Only({name: schema})`: a dictionary with these entries and no others;
- `Each(schema)`: a list or a dictionary whose items all have this schema;
- `Row(schema, length)`: a list, of this length if one is given, whose items all have this schema;
- `Maybe(schema)`: this schema, or None.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pylos.errors import CheckpointError
from pylos.system.options import Range, shown


class Array(NamedTuple):
    """A dense, contiguous tensor on the CPU."""

    dtype: str
    """Its type in torch, for example "int16"."""
    shape: str
    """A letter for every dimension; dimensions with the same letter have the same size everywhere in the state."""
    least: float = -float("inf")
    """The least element that is allowed, as `most` is the greatest; floats must always be finite."""
    most: float = float("inf")

    def __str__(self) -> str:
        bounds = "" if self.most == float("inf") else f" from {self.least} to {self.most}"
        return f"{self.dtype} [{', '.join(self.shape)}]{bounds}"


class Choice(NamedTuple):
    """One of some values."""

    values: tuple[Any, ...]

    def __contains__(self, value: object) -> bool:
        return any(type(value) is type(choice) and value == choice for choice in self.values)

    def __str__(self) -> str:
        return " or ".join(map(repr, self.values))


class Each(NamedTuple):
    """A list or dictionary."""

    schema: Any
    least: int = 0
    """How many entries it has at least."""


class Row(NamedTuple):
    """A list; a dictionary in its place is refused."""

    schema: Any
    length: int | None = None
    """How many items it has; None: any number."""


class Only(NamedTuple):
    """A dictionary that has no more than the entries of its schema."""

    schema: dict[str, Any]


class Maybe(NamedTuple):
    """A value that may be None."""

    schema: Any


def check_state(state: Any, schema: Any, name: str, **sizes: int) -> None:
    """Checks a state that comes from a file; nothing of it is changed.

    Args:
        state: the content of the file.
        schema: what it must look like, see the text of this module.
        name: the name of the state in messages.
        sizes: the sizes of dimensions that are known already, by letter.

    Raises:
        CheckpointError: something is missing, has another type or shape, or is out of its range.
    """
    for flaw in _flaws(state, schema, name, sizes):
        raise CheckpointError(flaw)


def _flaws(value: Any, schema: Any, where: str, sizes: dict[str, int]) -> Iterator[str]:
    match schema:
        case Maybe(inner):
            if value is not None:
                yield from _flaws(value, inner, where, sizes)
        case Array():
            if flaw := _array_flaw(value, schema, sizes):
                yield f"{where} must be {schema}, but {flaw}"
        case Each(inner, least):
            if not isinstance(value, (list, tuple, dict)):
                yield f"{where} must be a list, but is {shown(value)}"
            elif len(value) < least:
                yield f"{where} must have at least {least} entries, but has {len(value)}"
            else:
                for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                    yield from _flaws(item, inner, f"{where}[{shown(key)}]", sizes)
        case Row(inner, length):
            if not isinstance(value, (list, tuple)) or length not in (None, len(value)):
                kind = "a list" if length is None else f"a list of {length}"
                yield f"{where} must be {kind}, but is {shown(value)}"
            else:
                yield from _flaws(value, Each(inner), where, sizes)
        case dict():
            if not isinstance(value, dict):
                yield f"{where} must be a dictionary, but is {shown(value)}"
            else:
                for key, inner in schema.items():
                    if key in value:
                        yield from _flaws(value[key], inner, f"{where}[{key!r}]", sizes)
                    else:
                        yield f"{where} lacks {key!r}"
        case Only(inner):
            yield from _flaws(value, inner, where, sizes)
            for key in value if isinstance(value, dict) else ():
                if key not in inner:
                    yield f"there is no value {shown(key)} in {where}"
        case Range() | Choice():
            if value not in schema:
                yield f"{where} must be {schema}, but is {shown(value)}"
        case _:
            if not isinstance(value, schema):
                yield f"{where} must be of type {schema.__name__}, but is {shown(value)}"


def _array_flaw(value: Any, schema: Array, sizes: dict[str, int]) -> str:
    """What is wrong with a value that should be a tensor; adds the sizes of its dimensions to `sizes`."""
    import torch  # here, because this wing is imported by commands that do without torch

    if type(value) is not torch.Tensor:
        return f"is {shown(value)}"
    if value.layout != torch.strided or value.device.type != "cpu" or value.requires_grad:
        return "is a tensor of another kind"
    if not value.is_contiguous() or value.is_neg() or value.is_conj():
        return "is a view of something else"
    dtype = str(value.dtype).removeprefix("torch.")
    if dtype != schema.dtype or value.ndim != len(schema.shape):
        return f"is {dtype} {list(value.shape)}"
    for letter, size in zip(schema.shape, value.shape, strict=True):
        if sizes.setdefault(letter, size) != size:
            return f"is of shape {list(value.shape)}: {letter} is {sizes[letter]} elsewhere"
    if value.is_floating_point() and not torch.isfinite(value).all():
        return "holds an infinity or NaN"
    if value.numel() and value.dtype != torch.bool:
        for bound in (value.min().item(), value.max().item()):
            if not schema.least <= bound <= schema.most:
                return f"holds {bound}"
    return ""
