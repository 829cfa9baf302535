"""Environment variables of processes that train together."""

from __future__ import annotations

import os

from pylos.errors import ConfigurationError

_PARENT = "PYLOS_PARENT"
_NUMBERS = (
    *("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "MASTER_PORT"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NTASKS", "JSM_NAMESPACE_RANK"),
)
"""Variables that Lightning reads as numbers, some of them while it is imported."""


def started_by_pylos() -> bool:
    """Whether another process of this package started this one, as a rank. Marks the processes that this one starts.

    `LOCAL_RANK` does not tell: other launchers set it, too, and it may be left over in a shell.
    """
    ours = os.environ.get(_PARENT) == str(os.getppid())
    os.environ[_PARENT] = str(os.getpid())
    return ours


def check_rank_variables() -> None:
    """Checks that variables of ranks are numbers, and unsets empty ones.

    Raises:
        ConfigurationError: a variable is no whole number.
    """
    for name in _NUMBERS:
        value = os.environ.get(name, "0")
        if not value:
            del os.environ[name]
        elif not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise ConfigurationError(f"the environment variable {name} must be a whole number, got {value!r}")
