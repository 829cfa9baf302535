"""An AlphaZero laboratory for the board game Pylos on PyTorch Lightning.

Everything exported here is imported when it is first used: ``import pylos`` itself costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylos.arena import play_match
    from pylos.board import Board, perft
    from pylos.datamodule import SelfPlayDataModule
    from pylos.errors import (
        CheckpointError,
        ConfigurationError,
        IllegalActionError,
        NonFiniteLossError,
        PlayerError,
        PositionError,
        PylosError,
        RulesError,
        TableError,
    )
    from pylos.module import PylosModule
    from pylos.network import PylosNetwork
    from pylos.players import make_player
    from pylos.solving import solve
    from pylos.tablebase import Tablebase

__version__ = "0.1.0"

__all__ = [
    "Board",
    "CheckpointError",
    "ConfigurationError",
    "IllegalActionError",
    "NonFiniteLossError",
    "PlayerError",
    "PositionError",
    "PylosError",
    "PylosModule",
    "PylosNetwork",
    "RulesError",
    "SelfPlayDataModule",
    "TableError",
    "Tablebase",
    "__version__",
    "make_player",
    "perft",
    "play_match",
    "solve",
]

_MODULES = {
    "Board": "board",
    "PylosModule": "module",
    "PylosNetwork": "network",
    "SelfPlayDataModule": "datamodule",
    "Tablebase": "tablebase",
    "make_player": "players",
    "perft": "board",
    "play_match": "arena",
    "solve": "solving",
}
"""Where an exported name lives; the errors, which are not listed, live in ``errors``."""


def __getattr__(name: str) -> Any:
    """Imports an exported name at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value  # the next use does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
