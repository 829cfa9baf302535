"""An AlphaZero laboratory for the board game Pylos on PyTorch Lightning.

Every exported name is imported when it is first used, so `import pylos` itself takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylos.adapters.export import export_network
    from pylos.analysis.rows import analyse
    from pylos.arena.match import play_match
    from pylos.errors import (
        BusyError,
        CheckpointError,
        ConfigurationError,
        ExportError,
        IllegalActionError,
        NonFiniteLossError,
        PlayerError,
        PositionError,
        PylosError,
        RulesError,
        TableError,
    )
    from pylos.game.board import Board
    from pylos.game.perft import perft
    from pylos.network.network import PylosNetwork
    from pylos.players.naming import make_player
    from pylos.players.network_player import NetworkPlayer
    from pylos.runs.checkpoint_io import AtomicCheckpointIO
    from pylos.runs.logger import RunLogger
    from pylos.search.own_root import register_root
    from pylos.solution.solving import solve
    from pylos.solution.tablebase import Tablebase
    from pylos.training.datamodule import SelfPlayDataModule
    from pylos.training.module import PylosModule
    from pylos.web.widget import BoardWidget

__version__ = "0.2.0"

__all__ = [
    "AtomicCheckpointIO",
    "Board",
    "BoardWidget",
    "BusyError",
    "CheckpointError",
    "ConfigurationError",
    "ExportError",
    "IllegalActionError",
    "NetworkPlayer",
    "NonFiniteLossError",
    "PlayerError",
    "PositionError",
    "PylosError",
    "PylosModule",
    "PylosNetwork",
    "RulesError",
    "RunLogger",
    "SelfPlayDataModule",
    "TableError",
    "Tablebase",
    "__version__",
    "analyse",
    "export_network",
    "make_player",
    "perft",
    "play_match",
    "register_root",
    "solve",
]

_MODULES = {
    "AtomicCheckpointIO": "runs.checkpoint_io",
    "Board": "game.board",
    "BoardWidget": "web.widget",
    "NetworkPlayer": "players.network_player",
    "PylosModule": "training.module",
    "PylosNetwork": "network.network",
    "RunLogger": "runs.logger",
    "SelfPlayDataModule": "training.datamodule",
    "Tablebase": "solution.tablebase",
    "analyse": "analysis.rows",
    "export_network": "adapters.export",
    "make_player": "players.naming",
    "perft": "game.perft",
    "play_match": "arena.match",
    "register_root": "search.own_root",
    "solve": "solution.solving",
}
"""The module of an exported name; the errors, which are not listed, are in `errors`."""


def __getattr__(name: str) -> Any:
    """Imports an exported name when it is first used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
    globals()[name] = value  # later uses find it there
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
