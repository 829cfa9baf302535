"""Where output leaves the program."""

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
"""What writing raises when the reader or the terminal went away, the disk is full, or the stream was closed."""
LEAST_COLUMNS, MOST_COLUMNS = 40, 1000
"""In fewer Lightning's tables divide by zero, and lines of millions of blanks help nobody."""
_FORCING = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Variables by which rich and others take a file for a terminal."""


def print_stderr(line: str) -> None:
    """Prints a line on stderr for whoever looks; never raises, because nothing may fail for lack of a reader."""
    if sys.stderr is not None:  # or print would take stdout
        with suppress(*OUTPUT_ERRORS):
            print(line, file=sys.stderr, flush=True)


def is_terminal(stream: Any) -> bool:
    """Whether somebody sees a stream while it is written."""
    try:
        return stream is not None and stream.isatty()
    except OUTPUT_ERRORS:
        return False


def prepare_streams() -> None:
    """Makes the streams of a process that is ours fit for whatever is printed. Call it before anything opens a file."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # the caller had closed it, and what is printed would have gone into the next file that is opened
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # as long as we live
        getattr(sys, name).reconfigure(errors="backslashreplace")  # an encoding may lack the lines of a table
    for name in _FORCING:
        os.environ.pop(name, None)
    columns = shutil.get_terminal_size().columns
    if not LEAST_COLUMNS <= columns <= MOST_COLUMNS:
        os.environ["COLUMNS"] = str(min(max(columns, LEAST_COLUMNS), MOST_COLUMNS))


def flush_stdout() -> None:
    """Writes what was printed.

    Raises:
        BrokenPipeError: the reader went away.
        OSError: the disk is full.
    """
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from error


def drop_unwritable_output() -> None:
    """Gives up what cannot be written, which Python would try once more at exit, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OUTPUT_ERRORS:
            with suppress(*OUTPUT_ERRORS):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def table_text(table: Table) -> str:
    """A table as plain lines, to be printed: rich would end the process with code 1 where the reader has gone away."""
    from rich.console import Console

    # Where the encoding of stdout has no lines, rich draws with letters.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    buffer = io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace")
    Console(
        file=buffer, width=1000, force_terminal=False, force_jupyter=False, markup=False, highlight=False
    ).print(table)
    buffer.seek(0)
    return "\n".join(line.rstrip() for line in buffer.read().splitlines())
