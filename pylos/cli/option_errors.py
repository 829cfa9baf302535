"""Errors of the options of Lightning's subcommands, each in one line."""

from __future__ import annotations

import difflib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pylos.errors import ConfigurationError, PylosError

MOST_CHARACTERS = 500
"""The longest text of an error about an option. It may quote a value of any length."""
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "NoneType": "null",
}
"""What messages call the types of values."""
_NO_GPU = re.compile("No supported gpu backend found!|`(CUDA|MPS)Accelerator` can not run on your system")


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
    """An error message of jsonargparse or Lightning in our words, and not too long."""
    if _NO_GPU.match(message):
        return "there is no GPU that PyTorch can use: take the preset quick or laptop, or --trainer.accelerator cpu"
    # Where a value could also be a file, the first error is about the file.
    text = re.sub(r"- Expected a path but [^\n]* either not accessible or invalid\n\s*- ", "", message)
    found = 1
    while found:
        text, found = _UNION.subn(_reasons, text)
    text = " ".join(re.sub("<class '([^']+)'>", r"\1", text).split())
    text = re.sub(r"(Expected an? [\w.]+)\. Got value: ", r"\1; got ", text)
    # The errors of an option of a class name the option in parts: join them.
    pattern = r"Parser key \"([^\"]+)\": Problem with given class_path '([^']+)': "
    while re.match(f"{pattern}Parser key ", text):
        text = re.sub(f'{pattern}Parser key "', r'Parser key "\1.', text, count=1)
    text = re.sub(f"^{pattern}Option '([^']+)' is not accepted", _unknown, text)
    text = re.sub(r'^Parser key "([^"]+)": ((?:Expected an? [\w.]+; )+)got ', _must_be, text)
    text = re.sub('^Parser key "([^"]+)"', r"\1", text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


_UNION = re.compile(
    r"Does not validate against any of the Union subtypes\n\s*Subtypes: [^\n]*\n\s*Errors:\n\s*- "
    r"((?:(?!Does not validate).)*?)\n\s*Given value type: [^\n]*\n\s*Given value: ([^\n]*)",
    re.DOTALL,
)


def _reasons(union: re.Match[str]) -> str:
    """The reasons why a value has none of several types."""
    errors = list(dict.fromkeys(e.removesuffix(f"; got {union[2]}") for e in re.split(r"\n\s*- ", union[1])))
    # If a class exists but cannot be created, the other types do not matter.
    problems = [error for error in errors if error.startswith("Problem with")]
    return "; ".join(problems) if problems else f"{'; '.join(errors)}; got {union[2]}"


def _must_be(found: re.Match[str]) -> str:
    """What a value must be, from the types that it could have."""
    names = re.findall(r"Expected an? ([\w.]+)", found[2])
    return f"{found[1]} must be {' or '.join(_KINDS.get(name, f'a {name}') for name in names)}, got "


def _unknown(found: re.Match[str]) -> str:
    """That a class has no such option, and which one it has instead."""
    key, path, name = found.groups()
    return f"{path} has no option {key}.{name}{did_you_mean(name, _options_of(path), f'{key}.')}"


def _options_of(path: str) -> list[str]:
    """The options of a class; none if it cannot be inspected."""
    from jsonargparse import ArgumentParser

    try:
        names: list[str] = ArgumentParser(exit_on_error=False).add_class_arguments(
            pkgutil.resolve_name(path), fail_untyped=False
        )
    except Exception:  # the class may be the user's, and this is only for a hint
        return []
    return names


def did_you_mean(name: str, names: Iterable[str], before: str = "") -> str:
    """The end of a message about an unknown name: the nearest one that there is, or nothing.

    Args:
        name: the unknown name.
        names: those that there are.
        before: what the message writes before a name.
    """
    nearest = difflib.get_close_matches(name, names, 1, 0.7)
    return f"; did you mean {before}{nearest[0]}?" if nearest else ""
