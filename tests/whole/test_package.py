import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import pylos

ROOT = Path(__file__).parents[2]
TOP = {"LICENSE", "Makefile", "constraints.txt", "ruff.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
HEAVY = {"lightning", "lightning_fabric", "numba", "numpy", "rich", "scipy", "torch"}


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


SYSTEM = ", ".join(
    f"pylos.system.{path.stem}"
    for path in sorted((ROOT / "pylos" / "system").glob("*.py"))
    if path.stem not in ("__init__", "notebook_progress")  # imported in a notebook alone, where rich is shown
)


@pytest.mark.parametrize(
    "code",
    ["import pylos", "import pylos; dir(pylos)", "import pylos.cli.main", f"import {SYSTEM}"],
    ids=["pylos", "dir", "command", "system"],
)
def test_importing_is_light(code):
    assert not HEAVY & set(run(f"{code}; import sys; print(*sys.modules, sep='\\n')").split())


def test_the_tests_of_another_project_are_not_taken_for_ours(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "__init__.py").touch()
    command = [sys.executable, "-c", "import tests.support; print(*tests.__path__)"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ROOT / "tests")


def test_a_board_needs_no_torch():
    modules = run("import pylos; pylos.Board(); import sys; print(*sys.modules, sep='\\n')").split()
    assert not {"torch", "lightning"} & set(modules)


def test_training_never_sees_the_solution():
    code = "import pylos.training.module, pylos.training.datamodule, sys; print(*sys.modules, sep='\\n')"
    modules = run(code).split()
    assert {"pylos.training.module", "pylos.selfplay.play", "pylos.search.search"} <= set(modules)
    truth = ("pylos.solution", "pylos.truth.making", "pylos.players.perfect_player")
    assert not [module for module in modules if module.startswith(truth)]


def test_the_tests_mirror_the_files():
    sources = [path.relative_to(ROOT / "pylos") for path in ROOT.glob("pylos/*/**/*.py")]
    sources += [path.relative_to(ROOT) for path in ROOT.glob("callbacks/*.py")]
    files = {str(path.with_name(f"test_{path.name}")) for path in sources if path.stem != "__init__"}
    tests = {str(path.relative_to(ROOT / "tests")) for path in ROOT.glob("tests/*/**/test_*.py")}
    assert files == {name for name in tests if not name.startswith(("browser/", "twins/", "whole/"))}


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


def files_below(root: Path, *folders: str) -> set[str]:
    return {
        str(path.relative_to(root))
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


def linked_files(document: Path, root: Path) -> set[str]:
    """The files below `root` to which a document links, pictures included."""
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    files = [(document.parent / link).resolve() for link in links if "://" not in link]
    return {str(file.relative_to(root)) for file in files if file.is_file() and file.is_relative_to(root)}


def test_what_a_package_index_shows_has_no_links_to_files():
    shown = ROOT / "docs" / "install.md"
    assert f"long_description = file: {shown.relative_to(ROOT)}" in (ROOT / "setup.cfg").read_text()
    text = shown.read_text(encoding="utf-8")
    assert "pip install pylos" in text
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link] == []


def test_the_newest_version_of_the_changelog_is_this_one():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d\S*)\]", text, flags=re.MULTILINE)[0] == pylos.__version__


def test_what_is_handed_out_is_whole(tmp_path):
    """The wheel has every file of the packages; the source distribution all that its tests and its README need."""
    pytest.importorskip("setuptools", "77")
    kept = {"pylos", "callbacks", "configs", "tests", "benchmarks", "docs", "lightning_logs"}
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
        elif path.name in kept:
            ignored = shutil.ignore_patterns("__pycache__", "*.ckpt.*", "checkpoints", "_build")
            shutil.copytree(path, tmp_path / path.name, ignore=ignored)
    for made in ("_build", "reference"):  # by `make docs`
        shutil.rmtree(tmp_path / "docs" / made, ignore_errors=True)
    (tmp_path / "lightning_logs" / "mine").mkdir()
    (tmp_path / "lightning_logs" / "mine" / "last.ckpt").touch()
    packaged = files_below(tmp_path, "pylos", "callbacks", "configs")
    code = "import setuptools.build_meta as b; b.build_sdist('dist'); b.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)

    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    documents = [*tmp_path.glob("*.md"), *tmp_path.glob("docs/**/*.md")]
    links = set().union(*(linked_files(document, tmp_path) for document in documents))
    assert len(links) >= 5
    wanted = packaged | files_below(tmp_path, "tests", "benchmarks", "lightning_logs/reference")
    # The pictures of the page are megabytes: those that no document shows stay behind.
    wanted |= {name for name in files_below(tmp_path, "docs") if not name.startswith("docs/pages/")}
    assert {*links, *wanted, *TOP} - shipped == set()
    assert {name for name in shipped if name.startswith("docs/pages/")} <= {*links, "docs/pages"}
    assert not [name for name in shipped if name.startswith(("lightning_logs/mine", "docs/_build/"))]
    assert sdist.stat().st_size < 8e6

    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    assert {re.sub("^configs/", "pylos/configs/", name) for name in packaged} - names == set()
    assert not [
        name
        for name in names
        if name.partition("/")[0] not in ("pylos", "callbacks", metadata.partition("/")[0])
    ]
    assert {
        f"Version: {pylos.__version__}",
        "License-Expression: MIT",
        "License-File: LICENSE",
        "Classifier: Typing :: Typed",
        "Description-Content-Type: text/markdown",
    } <= set(lines)
    assert "# pylos" in lines
    assert wheel.stat().st_size < 6e6
