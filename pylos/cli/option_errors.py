"""Errors of the options of Lightning's subcommands, each in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pylos.errors import ConfigurationError, PylosError

MOST_CHARACTERS = 500
"""Of a complaint about an option, which may quote a value of any length."""


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turns whatever goes wrong with options inside into an error of the user.

    Raises:
        PylosError: The one that was raised, also where jsonargparse has wrapped it; else a ConfigurationError.
    """
    try:
        yield
    except (MemoryError, OSError):  # the machine is to blame, which the command says itself
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, PylosError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise ConfigurationError(shorten(str(error) or type(error).__name__)) from error
        raise cause from None


def shorten(message: str) -> str:
    """What jsonargparse says of a value, without the list of all types that it could have been, and not too long."""
    # A value that could be a file, too, is first complained about as that.
    text = re.sub(r"- Expected a path but [^\n]* either not accessible or invalid\n\s*- ", "", message)
    found = 1
    while found:
        text, found = _UNION.subn(_reasons, text)
    text = " ".join(re.sub("<class '([^']+)'>", r"\1", text).split())
    # Of an option of a class: its whole name.
    pattern = r"Parser key \"([^\"]+)\": Problem with given class_path '([^']+)': "
    while re.match(f"{pattern}Parser key ", text):
        text = re.sub(f'{pattern}Parser key "', r'Parser key "\1.', text, count=1)
    text = re.sub(f"^{pattern}Option '([^']+)' is not accepted", r"\2 has no option \1.\3", text)
    text = re.sub('^Parser key "([^"]+)"', r"\1", text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


_UNION = re.compile(
    r"Does not validate against any of the Union subtypes\n\s*Subtypes: [^\n]*\n\s*Errors:\n\s*- "
    r"((?:(?!Does not validate).)*?)\n\s*Given value type: [^\n]*\n\s*Given value: ([^\n]*)",
    re.DOTALL,
)


def _reasons(union: re.Match[str]) -> str:
    """The reasons why a value is of none of several types."""
    errors = list(dict.fromkeys(re.split(r"\n\s*- ", union[1])))
    # For a class that exists but cannot be made, it does not matter which other types there are.
    problems = [error for error in errors if error.startswith("Problem with")]
    return "; ".join(problems) if problems else f"{'; '.join(errors)}; got {union[2]}"
