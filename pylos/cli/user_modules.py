"""Class paths on the command line may name modules of the user, in the working directory."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pylos

CALLBACKS = "callbacks"
"""Our own package beside `pylos`. Many projects have a folder of the same name."""
_OURS = Path(pylos.__file__).resolve().parents[1] / CALLBACKS


def open_working_directory() -> None:
    """Makes the working directory the last place where Python looks for modules.

    Python puts it first for `python -m pylos`, and leaves it out for the installed command. Our own callbacks are
    imported before: the presets mean them, even if the working directory has a folder of the same name.
    """
    if CALLBACKS not in sys.modules:
        _import_ours()
    here = os.getcwd()
    sys.path[:] = [path for path in sys.path if path not in ("", here)]
    sys.path.append(here)


def _import_ours() -> None:
    """Imports the callbacks that lie beside `pylos`, even if Python would find others first."""
    spec = importlib.util.spec_from_file_location(
        CALLBACKS, _OURS / "__init__.py", submodule_search_locations=[str(_OURS)]
    )
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"the package {CALLBACKS} is missing: install pylos again")
    sys.modules[CALLBACKS] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def name_clash() -> str:
    """What to add to an error about `callbacks`: that ours hides one of the user, if there is one."""
    for theirs in (Path.cwd() / CALLBACKS, Path.cwd() / f"{CALLBACKS}.py"):
        if theirs.exists() and theirs.resolve() != _OURS:
            return f"; {theirs} is hidden by the package {CALLBACKS} of pylos: give it another name"
    return ""
