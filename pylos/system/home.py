"""The folder for what can be made again: compiled kernels, solutions, measurements of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """`$PYLOS_HOME`, else `$XDG_CACHE_HOME/pylos`, else `~/.cache/pylos`; an empty variable counts as unset.

    It may be missing, unreadable or read-only: caches then go on without it.
    """
    if named := os.environ.get("PYLOS_HOME"):
        return Path(os.path.expanduser(named))
    caches = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if caches.startswith("~"):  # a user without a home directory: in a container it is the root
        caches = "/.cache"
    return Path(caches) / "pylos"
