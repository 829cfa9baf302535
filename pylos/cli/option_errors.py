"""Errors of the options of Lightning's subcommands, each in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pylos.errors import ConfigurationError, PylosError

MOST_CHARACTERS = 500
"""The longest text of an error about an option. It may quote a value of any length."""


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turns every error about options in its block into an error of the user.

    Raises:
        PylosError: one was raised, perhaps wrapped by jsonargparse.
        ConfigurationError: any other error was raised.
    """
    try:
        yield
    except (MemoryError, OSError):  # no error of the user; `main` has words for it
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, PylosError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            raise ConfigurationError(shorten(str(error) or type(error).__name__)) from error
        raise cause from None


def shorten(message: str) -> str:
    """An error message of jsonargparse without the list of all types that a value could have, and not too long."""
    # Where a value could also be a file, the first error is about the file.
    text = re.sub(r"- Expected a path but [^\n]* either not accessible or invalid\n\s*- ", "", message)
    found = 1
    while found:
        text, found = _UNION.subn(_reasons, text)
    text = " ".join(re.sub("<class '([^']+)'>", r"\1", text).split())
    # The errors of an option of a class name the option in parts: join them.
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
    """The reasons why a value has none of several types."""
    errors = list(dict.fromkeys(re.split(r"\n\s*- ", union[1])))
    # If a class exists but cannot be created, the other types do not matter.
    problems = [error for error in errors if error.startswith("Problem with")]
    return "; ".join(problems) if problems else f"{'; '.join(errors)}; got {union[2]}"
