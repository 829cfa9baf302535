"""Where output leaves the program."""

from __future__ import annotations

import sys
from contextlib import suppress


def tell(news: str) -> None:
    """Prints a line on stderr for whoever looks; never raises, because nothing may fail for lack of a reader."""
    if sys.stderr is not None:  # or print would take stdout
        with suppress(OSError, ValueError):
            print(f"pylos: {news}", file=sys.stderr, flush=True)
