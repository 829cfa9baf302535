import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import pylos

HEAVY = {"lightning", "lightning_fabric", "numba", "numpy", "rich", "scipy", "torch"}


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "code",
    ["import pylos", "import pylos; dir(pylos)", "import pylos.cli.main", "import pylos.system.progress"],
)
def test_importing_is_light(code):
    assert not HEAVY & set(run(f"{code}; import sys; print(*sys.modules, sep='\\n')").split())


def test_a_board_needs_no_torch():
    modules = run("import pylos; pylos.Board(); import sys; print(*sys.modules, sep='\\n')").split()
    assert not {"torch", "lightning"} & set(modules)


def test_training_never_sees_the_solution():
    code = "import pylos.training.module, pylos.training.datamodule, sys; print(*sys.modules, sep='\\n')"
    modules = run(code).split()
    assert {"pylos.training.module", "pylos.selfplay.play", "pylos.search.search"} <= set(modules)
    truth = ("pylos.solution", "pylos.truth.making", "pylos.players.perfect_player")
    assert not [module for module in modules if module.startswith(truth)]


@pytest.mark.parametrize("name", pylos.__all__)
def test_every_exported_name_exists(name):
    assert getattr(pylos, name) is not None
    assert name in dir(pylos)


def test_exported_names_are_those_of_their_modules():
    from pylos.errors import PositionError
    from pylos.game.board import Board

    assert pylos.Board is Board
    assert pylos.PositionError is PositionError


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pylos.nonsense


def test_the_version_is_that_of_the_package():
    assert importlib.metadata.version("pylos") == pylos.__version__


def test_what_is_handed_out_is_whole(tmp_path):
    """The wheel says what it is; the source distribution has all that its tests and its README need."""
    pytest.importorskip("setuptools", "77")
    root = Path(__file__).parents[2]
    kept = {"pylos", "callbacks", "configs", "tests", "benchmarks", "docs", "lightning_logs"}
    for path in root.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
        elif path.name in kept:
            ignored = shutil.ignore_patterns("__pycache__", "*.ckpt.*", "checkpoints")
            shutil.copytree(path, tmp_path / path.name, ignore=ignored)
    code = "import setuptools.build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)

    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    readme = (root / "README.md").read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link}
    helpers = {f"tests/{path.name}" for path in (root / "tests").glob("*.py")}
    presets = {f"configs/{path.name}" for path in (root / "configs").glob("*.yaml")}
    assert len(links) >= 5
    assert {*links, *helpers, *presets, "LICENSE", "Makefile", "constraints.txt"} - shipped == set()
    assert not [name for name in shipped if name.startswith("lightning_logs/") and name.endswith(".ckpt")]

    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    assert {"callbacks/py.typed", "pylos/py.typed", "pylos/configs/quick.yaml", "pylos/__main__.py"} <= names
    assert {"License-Expression: MIT", "License-File: LICENSE", "Classifier: Typing :: Typed"} <= set(lines)
