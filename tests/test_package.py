import importlib.metadata
import subprocess
import sys

import pytest

import pylos

HEAVY = {"lightning", "lightning_fabric", "numba", "numpy", "rich", "scipy", "torch"}


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "code", ["import pylos", "import pylos; dir(pylos)", "import pylos.cli", "import pylos.progress"]
)
def test_importing_is_light(code):
    assert not HEAVY & set(run(f"{code}; import sys; print(*sys.modules, sep='\\n')").split())


def test_a_board_needs_no_torch():
    modules = run("import pylos; pylos.Board(); import sys; print(*sys.modules, sep='\\n')").split()
    assert not {"torch", "lightning"} & set(modules)


def test_training_never_sees_the_solution():
    code = "import pylos.module, pylos.datamodule, pylos.selfplay, pylos.search, sys; print(*sys.modules, sep='\\n')"
    modules = run(code).split()
    assert "pylos.module" in modules
    solver = ("indexing", "solver", "solver_distances", "sweeping", "solving")
    truth = (*solver, "tables", "tablebase", "perfect", "blunders")
    assert not {f"pylos.{name}" for name in truth} & set(modules)


@pytest.mark.parametrize("name", pylos.__all__)
def test_every_exported_name_exists(name):
    assert getattr(pylos, name) is not None
    assert name in dir(pylos)


def test_exported_names_are_those_of_their_modules():
    from pylos.board import Board
    from pylos.errors import PositionError

    assert pylos.Board is Board
    assert pylos.PositionError is PositionError


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pylos.nonsense


def test_the_version_is_that_of_the_package():
    assert importlib.metadata.version("pylos") == pylos.__version__
