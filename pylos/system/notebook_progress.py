"""A bar in the output of a notebook's cell: one line, replaced in place."""

from __future__ import annotations

import io
from typing import Any

from IPython import get_ipython
from IPython.display import display
from rich.console import Console
from rich.progress import Progress, ProgressColumn

_WIDTH = 110
"""Characters of the line; a cell does not say how many it has room for."""

_line: Any = None
_cell: int | None = None


class CellProgress(Progress):
    """A bar as plain text, drawn in one place of a cell however many bars follow each other there.

    Rich's own leaves an empty line in the notebook for every bar that there was. It also needs ipywidgets: without
    them it prints a new bar at every refresh.

    Args:
        columns: what to draw.
    """

    def __init__(self, *columns: str | ProgressColumn) -> None:
        console = Console(file=io.StringIO(), width=_WIDTH, force_terminal=False, force_jupyter=False)
        super().__init__(*columns, console=console, auto_refresh=False)

    def start(self) -> None:
        """Draws it for the first time."""
        self.refresh()

    def refresh(self) -> None:
        """Draws it again."""
        with self.console.capture() as captured:
            self.console.print(self.get_renderable())
        _show(captured.get().rstrip())

    def stop(self) -> None:
        """Leaves nothing of it."""
        _show("")


def _show(text: str) -> None:
    """Puts a text where the cell that runs has such a line, or below what it has printed."""
    global _line, _cell
    content, cell = {"text/plain": text}, get_ipython().execution_count
    if cell != _cell:
        _line, _cell = display(content, raw=True, display_id=True), cell
    else:
        _line.update(content, raw=True)
