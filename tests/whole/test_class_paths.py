"""Class paths in strings are imports, too: each exists, and they obey the directions that import-linter checks."""

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml

import pylos
from pylos.cli.lightning_options import BASES
from pylos.runs.renamed import RENAMED, with_new_class_paths

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("pylos", "callbacks") for path in (ROOT / folder).rglob("*.py"))
SOURCES.remove(ROOT / "pylos/runs/renamed.py")  # of it is the last test
CONFIGS = sorted([*(ROOT / "configs").glob("*.yaml"), *(ROOT / "lightning_logs/reference").rglob("*.yaml")])


def paths_in_strings(source: Path) -> set[str]:
    """The strings of a file that name something in our two packages; prose only mentions such names."""
    strings = {
        node.value
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {
        text
        for text in strings
        if re.fullmatch(r"(pylos|callbacks)(\.\w+)+", text) and not text.endswith(".json")
    }


def paths_in_config(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(paths_in_config, value))
    if not isinstance(value, dict):
        return set()
    own = {value["class_path"]} if "class_path" in value else set()
    return own | paths_in_config(list(value.values()))


def resolve(path: str) -> object:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_strings_name_exists_and_may_be_named(source):
    for path in paths_in_strings(source):
        resolve(path)
        own = ".".join(source.relative_to(ROOT).parts[:2])
        # The command alone, the top of the package, names what a user gets who says nothing else.
        assert path == own or own == "pylos.cli", f"{own} names {path}"


def test_the_command_names_the_face_and_the_callbacks():
    named = set().union(*(paths_in_strings(path) for path in SOURCES if path.parent.name == "cli"))
    assert named >= {"callbacks.Report", "pylos.AtomicCheckpointIO"}
    assert {base.__name__ for base in BASES.values()} <= set(pylos.__all__)
    for path in named:
        assert path.count(".") == 1, f"{path} is not named by the face of its package"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_configurations_name_what_exists(config):
    paths = paths_in_config(yaml.safe_load(with_new_class_paths(config.read_text(encoding="utf-8"))))
    assert len(paths) >= 4
    for path in paths:
        assert isinstance(resolve(path), type)
        assert path.startswith("lightning.") or path.count(".") == 1, f"{path} is not the name of a face"


@pytest.mark.parametrize("old", RENAMED)
def test_what_was_renamed_has_a_new_name_and_no_old_one(old):
    assert isinstance(resolve(RENAMED[old]), type)
    with pytest.raises((AttributeError, ModuleNotFoundError)):
        resolve(old)
