"""A bar in the output of a notebook's cell: one line, replaced in place."""

from __future__ import annotations

import io
from typing import Any

from IPython import get_ipython
from IPython.display import display
from rich.console import Console
from rich.progress import Progress, ProgressColumn

_WIDTH = 110
"""Characters of the line; a cell does not tell its width."""

_line: Any = None
_cell: int | None = None


class CellProgress(Progress):
    """A bar as plain text. All bars of a cell are drawn one after the other in the same place.

    Rich's own bar leaves an empty line in the notebook for every bar. It also needs ipywidgets: without them it prints
    a new bar at every refresh.

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
        """Removes it."""
        _show("")


def _show(text: str) -> None:
    """Replaces the line in the running cell, or adds it to the cell's output if there is none yet."""
    global _line, _cell
    content, cell = {"text/plain": text}, get_ipython().execution_count
    if cell != _cell:
        _line, _cell = display(content, raw=True, display_id=True), cell
    else:
        _line.update(content, raw=True)
