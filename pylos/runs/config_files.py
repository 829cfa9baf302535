"""The configurations with which a run was started, numbered, in its folder: config.yaml, config-2.yaml, ..."""

from __future__ import annotations

import re
from pathlib import Path

from pylos.runs.renamed import with_new_class_paths
from pylos.system.files import atomic_write, read_bytes


def config_files(folder: Path) -> list[Path]:
    """The configurations that are kept in a run's folder, the newest last."""
    return [path for _, path in _numbered_configs(folder)]


def record_config(folder: Path, text: str) -> None:
    """Adds a configuration to the numbered files of a run's folder, unless the newest one says the same."""
    kept = _numbered_configs(folder)
    if not kept:
        atomic_write(folder / "config.yaml", text)
    elif not _says(kept[-1][1], text):
        atomic_write(folder / f"config-{kept[-1][0] + 1}.yaml", text)


def _numbered_configs(folder: Path) -> list[tuple[int, Path]]:
    names = (
        (re.fullmatch(r"config(?:-(\d{1,9}))?\.yaml", path.name), path)
        for path in folder.glob("config*.yaml")
    )
    return sorted((int(name[1] or 1), path) for name, path in names if name)


def _says(path: Path, text: str) -> bool:
    try:
        return with_new_class_paths(read_bytes(path).decode()) == text
    except (OSError, UnicodeDecodeError):  # a file that cannot be read does not say this
        return False
