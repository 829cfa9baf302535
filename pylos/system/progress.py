"""A progress bar on the terminal or in a notebook: one at a time, removed when its phase is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pylos.system.output import OUTPUT_ERRORS, is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

Update = Callable[[int, str], None]
"""`update(done, text)`: how much of the total is done, and a text behind the bar."""

_REFRESH_SECONDS = 0.1

_alive = False


@contextmanager
def progress_bar(description: str, total: int, enabled: bool = True) -> Iterator[Update]:
    """Shows a bar on stderr while the body runs, if a terminal or a notebook is attached.

    Anywhere else, and inside the body of another bar, it shows nothing. It never raises: if the terminal goes away,
    only the display ends.

    Args:
        description: the name of the phase, such as `"self-play"`.
        total: what `done` will be at the end.
        enabled: whether to show anything at all, for example false on all ranks but the first.

    Yields:
        `update(done, text)`. It is cheap, so call it as often as there is news.
    """
    global _alive
    bar = None if _alive or not enabled else _make_bar()
    if bar is None:
        yield _ignore
        return
    _alive = True
    try:
        display = _Display(bar, description, total)
        try:
            yield display.update
        finally:
            display.close()
    finally:
        _alive = False


def _ignore(done: int, text: str = "") -> None:
    """The update of a bar that is not shown."""


def _make_bar() -> Progress | None:
    """A bar for what stderr is attached to, or None where it would not be seen or only do harm."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn(
            "{task.fields[text]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
        ),
    )
    console = Console(stderr=True)
    if console.is_jupyter:
        from pylos.system.notebook_progress import CellProgress

        return CellProgress(*columns)
    if not is_terminal(sys.stderr) or console.is_dumb_terminal:  # rich also obeys variables
        return None
    return Progress(
        *columns,
        console=console,
        # Drawn by `update` alone: rich's own thread would die with a traceback when the terminal goes away.
        auto_refresh=False,
        transient=True,
        # Lines that are printed meanwhile appear above the bar, unless stdout is a file.
        redirect_stdout=is_terminal(sys.stdout),
    )


class _Display:
    """A started bar. It ends at the first error of its output."""

    def __init__(self, bar: Progress, description: str, total: int) -> None:
        self._bar: Progress | None = bar
        self._next_refresh = 0.0
        self._task = bar.add_task(description, total=total, text="")
        self._try(bar.start)
        self.update(0)

    def update(self, done: int, text: str = "") -> None:
        if self._bar is None:
            return
        self._bar.update(self._task, completed=done, text=text)
        now = time.monotonic()
        if now >= self._next_refresh:
            self._next_refresh = now + _REFRESH_SECONDS
            self._try(self._bar.refresh)

    def close(self) -> None:
        if self._bar is not None:
            self._try(self._bar.stop)

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OUTPUT_ERRORS:
            if self._bar is not None:
                with suppress(*OUTPUT_ERRORS):
                    self._bar.stop()  # gives sys.stdout and sys.stderr back
            self._bar = None
