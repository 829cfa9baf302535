"""The user's own modules in the working directory, which class paths of the command line may name."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pylos

CALLBACKS = "callbacks"
"""Our own package beside ``pylos``; many projects have a folder of that name."""
_OURS = Path(pylos.__file__).resolve().parents[1] / CALLBACKS


def open_working_directory() -> None:
    """Lets class paths name modules of the working directory, behind all installed ones.

    ``python -m pylos`` has it in front of them; the installed command has not got it at all. Our own callbacks are
    imported before: whatever is called so in the working directory, the presets mean ours.
    """
    if CALLBACKS not in sys.modules:
        _import_ours()
    here = os.getcwd()
    sys.path[:] = [path for path in sys.path if path not in ("", here)]
    sys.path.append(here)


def _import_ours() -> None:
    """Imports our callbacks from beside ``pylos``, wherever else Python would look first."""
    spec = importlib.util.spec_from_file_location(
        CALLBACKS, _OURS / "__init__.py", submodule_search_locations=[str(_OURS)]
    )
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"the package {CALLBACKS} is missing: install pylos again")
    sys.modules[CALLBACKS] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def name_clash() -> str:
    """What to add to a complaint about ``callbacks``, where the user has a package of that name, too; else nothing."""
    for theirs in (Path.cwd() / CALLBACKS, Path.cwd() / f"{CALLBACKS}.py"):
        if theirs.exists() and theirs.resolve() != _OURS:
            return f"; {theirs} is hidden by the package {CALLBACKS} of pylos: give it another name"
    return ""
