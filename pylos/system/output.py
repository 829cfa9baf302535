"""Output of the program: lines and tables, and streams that are closed, full or without a reader."""

from __future__ import annotations

import io
import os
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

OUTPUT_ERRORS = (OSError, ValueError)
"""The errors of writing when the reader or the terminal is gone, the disk is full, or the stream is closed."""
LEAST_COLUMNS, MOST_COLUMNS = 40, 1000
"""In fewer columns Lightning's tables divide by zero; in many more, lines would have millions of blanks."""
_FORCING = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Variables that make rich and others take a file for a terminal."""


def print_stderr(line: str) -> None:
    """Prints a line on stderr. It never raises: no work may fail because nobody can read the line."""
    if sys.stderr is not None:  # `print` would take stdout instead
        with suppress(*OUTPUT_ERRORS):
            print(line, file=sys.stderr, flush=True)


def is_terminal(stream: Any) -> bool:
    """Whether a stream, which may be None or closed, writes to a terminal."""
    try:
        return stream is not None and stream.isatty()
    except OUTPUT_ERRORS:
        return False


def prepare_streams() -> None:
    """Prepares the streams of the command for all that it prints. Call it before anything opens a file."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # the caller closed this one: the next file that is opened would take its place, and our output
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # never closed
        getattr(sys, name).reconfigure(errors="backslashreplace")  # it may lack the lines of a table
    for name in _FORCING:
        os.environ.pop(name, None)
    columns = shutil.get_terminal_size().columns
    if not LEAST_COLUMNS <= columns <= MOST_COLUMNS:
        os.environ["COLUMNS"] = str(min(max(columns, LEAST_COLUMNS), MOST_COLUMNS))


def flush_stdout() -> None:
    """Writes what was printed and is still in memory.

    Raises:
        BrokenPipeError: the reader is gone.
        OSError: the disk is full.
    """
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from error


def drop_unwritable_output() -> None:
    """Drops printed output that cannot be written. Python would try again at exit, and print an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OUTPUT_ERRORS:
            with suppress(*OUTPUT_ERRORS):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def table_text(table: Table) -> str:
    """A table as plain lines, for `print`: rich itself would end the process with code 1 if the reader is gone."""
    from rich.console import Console

    # If the encoding of stdout lacks the characters for lines, rich takes ASCII.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    buffer = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace")
    Console(
        file=buffer, width=1000, force_terminal=False, force_jupyter=False, markup=False, highlight=False
    ).print(table)
    buffer.seek(0)
    return "\n".join(line.rstrip() for line in buffer.read().splitlines())
