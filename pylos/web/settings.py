"""What `pylos play` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_RULES, DEFAULT_LEVEL = "standard", "casual"


@dataclass(frozen=True)
class Settings:
    """The options of a server."""

    rules: str = DEFAULT_RULES
    """The rules of the first game."""
    level: str = DEFAULT_LEVEL
    """Name of the level of the first opponent."""
    ckpt_path: str | None = None
    """A checkpoint that is offered as the opponent `given`."""
    runs: Path | None = None
    """The folder of the runs."""
    host: str = "127.0.0.1"
    """The address on which it listens."""
