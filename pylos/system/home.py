"""The folder for what can be made again: compiled kernels, solutions, what was measured of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """``$PYLOS_HOME``, else ``$XDG_CACHE_HOME/pylos``, else ``~/.cache/pylos``; an empty variable counts as unset.

    It may be missing, unreadable or read-only: who only wants to be fast goes on without it.
    """
    if named := os.environ.get("PYLOS_HOME"):
        return Path(os.path.expanduser(named))
    caches = os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if caches.startswith("~"):  # this user has no home directory: as in a container, where it is the root
        caches = "/.cache"
    return Path(caches) / "pylos"
