"""The map of the code in docs/architecture.md is that of the code."""

from __future__ import annotations

import importlib
import operator
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
QUOTED = r"`([^`\n]+)`"


def test_the_tree_names_every_wing_and_what_is_beside_the_package():
    tree = ARCHITECTURE.partition("## What is where")[2].split("```")[1].strip()
    lines = [(len(line) - len(line.lstrip()), line.split()[0]) for line in tree.splitlines()]
    inside = {name for indent, name in lines if indent == 2}
    beside = {name for indent, name in lines if indent == 0}
    wings = {f"{path.parent.name}/" for path in (ROOT / "pylos").glob("*/__init__.py")}
    assert inside == {*wings, "errors.py"}
    assert beside >= {"pylos/", "callbacks/", "configs/", "tests/", "benchmarks/", "docs/"}
    for name in beside:
        assert (ROOT / name).is_dir(), name
    for name in re.findall(r"twins/|whole/|docs/\w+\.md", tree):
        assert list(ROOT.glob(name)) or list(ROOT.glob(f"tests/{name}")), name


def test_the_files_of_the_architecture_exist():
    paths = {text for text in re.findall(QUOTED, ARCHITECTURE) if "/" in text and text.islower()}
    assert len(paths) >= 50
    for path in paths:
        assert (ROOT / path).exists(), path
        assert path.endswith("/") == (ROOT / path).is_dir(), path


def test_the_names_of_the_architecture_are_in_the_files_behind_them():
    text = " ".join(ARCHITECTURE.split())
    named = re.findall(r"((?:`[\w.]+`(?:,| and| or)? ?)+)\(`([\w/]+)\.py`", text)
    assert len(named) >= 50
    for names, path in named:
        module = importlib.import_module(path.replace("/", "."))
        for name in re.findall(QUOTED, names):
            assert operator.attrgetter(name)(module) is not None
            found = getattr(module, name.split(".")[0])
            assert getattr(found, "__module__", module.__name__) == module.__name__, (
                f"{name} is not of {path}"
            )


def test_every_wing_is_in_the_architecture():
    for path in (ROOT / "pylos").glob("*/__init__.py"):
        assert f"`pylos/{path.parent.name}/`" in ARCHITECTURE
