"""Class paths on the command line may name modules of the user, in the working directory."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pylos
from pylos.errors import ConfigurationError

CALLBACKS = "callbacks"
"""Our own package beside `pylos`. Many projects have a folder of the same name."""
_OURS = Path(pylos.__file__).resolve().parents[1] / CALLBACKS


def open_working_directory() -> None:
    """Makes the working directory the last place where Python looks for modules.

    Python puts it first for `python -m pylos`, and leaves it out for the installed command. Our own callbacks are
    imported before: the presets mean them, even if the working directory has a folder of the same name.

    Raises:
        ConfigurationError: our callbacks are not there, or this process knows others by their name.
    """
    if CALLBACKS not in sys.modules:
        _import_ours()
    elif Path(str(sys.modules[CALLBACKS].__file__)).resolve().parent != _OURS:
        theirs = sys.modules[CALLBACKS].__file__
        raise ConfigurationError(
            f"this process has imported {theirs} by the name {CALLBACKS}, which is that of a package of pylos: "
            "give it another name"
        )
    here = os.getcwd()
    sys.path[:] = [path for path in sys.path if path not in ("", here)]
    sys.path.append(here)


def _import_ours() -> None:
    """Imports the callbacks that lie beside `pylos`, even if Python would find others first.

    Raises:
        ConfigurationError: another package of that name was installed into the same folder, or removed from it.
    """
    spec = importlib.util.spec_from_file_location(
        CALLBACKS, _OURS / "__init__.py", submodule_search_locations=[str(_OURS)]
    )
    assert spec is not None  # the name is that of a Python file
    assert spec.loader is not None
    sys.modules[CALLBACKS] = module = importlib.util.module_from_spec(spec)
    reason: Exception | None = None
    try:
        spec.loader.exec_module(module)
    except (FileNotFoundError, ImportError) as error:
        reason = error
    if reason is not None or not hasattr(module, "LastCheckpoint"):
        del sys.modules[CALLBACKS]
        raise ConfigurationError(
            f"{_OURS} does not hold the callbacks of pylos{f' ({reason})' if reason else ''}: another package of that "
            "name was installed or removed there; pip install --force-reinstall --no-deps pylos brings them back"
        ) from reason


def name_clash() -> str:
    """What to add to an error about `callbacks`: that ours hides one of the user, if there is one."""
    for theirs in (Path.cwd() / CALLBACKS, Path.cwd() / f"{CALLBACKS}.py"):
        if theirs.exists() and theirs.resolve() != _OURS:
            return f"; {theirs} is hidden by the package {CALLBACKS} of pylos: give it another name"
    return ""
