"""What the environment says about processes that train together."""

from __future__ import annotations

import os

from pylos.errors import ConfigurationError

_PARENT = "PYLOS_PARENT"
_NUMBERS = (
    *("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "MASTER_PORT"),
    *("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NTASKS", "JSM_NAMESPACE_RANK"),
)
"""Variables that Lightning reads as numbers, some while it is imported."""


def started_by_pylos() -> bool:
    """Whether this process is a rank that another process of ours has started; notes that those it starts are.

    ``LOCAL_RANK`` would not tell: other launchers set it, too, and a shell may have kept it from another program.
    """
    ours = os.environ.get(_PARENT) == str(os.getppid())
    os.environ[_PARENT] = str(os.getpid())
    return ours


def check_rank_variables() -> None:
    """Refuses numbers that are none; an empty variable counts as unset.

    Raises:
        ConfigurationError: a variable is no whole number.
    """
    for name in _NUMBERS:
        value = os.environ.get(name, "0")
        if not value:
            del os.environ[name]
        elif not (value.isascii() and value.isdecimal() and len(value) < 10):
            raise ConfigurationError(f"the environment variable {name} must be a whole number, got {value!r}")
