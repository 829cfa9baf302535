"""Kernels on disk are used only if they are undamaged and of the same functions and constants; none is needed."""

import errno
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from pylos.game import rules
from pylos.kernels import cache as kernel_cache
from pylos.kernels.jit import jit
from tests.support.kernel_package import ALL, BEFORE, change, run, write_package

# Other functions and constants -----------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path):
    """The folder of such a package."""
    return write_package(tmp_path / "code" / "pylos")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A folder with a package and a home that holds its kernels."""
    folder = tmp_path_factory.mktemp("compiled")
    assert run(write_package(folder / "code" / "pylos"), PYLOS_HOME=str(folder / "home"))[:2] == (BEFORE, ALL)
    return folder


@pytest.fixture
def compiled_package(compiled, tmp_path):
    """The package; what a test does to it and to its kernels is undone."""
    shutil.copytree(compiled, tmp_path / "kept")
    yield compiled / "code" / "pylos"
    shutil.rmtree(compiled)
    shutil.copytree(tmp_path / "kept", compiled)


@pytest.mark.parametrize(
    ("name", "old", "new", "values", "compiled_again"),
    [
        pytest.param("wing/low.py", "x + 3", "x + 4", (47, 1), {"add", "compute"}, id="callee"),
        pytest.param("constants.py", "FACTOR = 2", "FACTOR = 5", (84, 1), {"compute"}, id="int"),
        pytest.param("constants.py", "(1, 2.5)", "(7, 2.5)", (51, 1), {"compute"}, id="tuple"),
        pytest.param("constants.py", "[3, 5]", "[3, 6]", (46, 1), {"compute"}, id="array"),
        pytest.param(
            "constants.py",
            "x: int\n    y: int",
            "y: int\n    x: int",
            (135, 2),
            {"compute", "read"},
            id="fields",
        ),
        pytest.param("high.py", "bonus=1", "bonus=4", (48, 1), {"compute"}, id="default"),
        pytest.param("high.py", "+ bonus", "- bonus", (43, 1), {"compute"}, id="own code"),
        pytest.param(
            "kernels/bits.py",
            "builder.ctpop(args[0])",
            "builder.add(*args, *args)",
            (63, 1),
            {"compute"},
            id="intrinsic",
        ),
        pytest.param(
            "kernels/jit.py", 'error_model="numpy"', 'error_model="python"', BEFORE, ALL, id="options"
        ),
    ],
)
def test_what_depends_on_a_change_is_compiled_again(compiled_package, name, old, new, values, compiled_again):
    home = compiled_package.parents[1] / "home"
    files = {path.name for path in home.rglob("*.kernel")}
    change(compiled_package / name, old, new)
    assert run(compiled_package, PYLOS_HOME=str(home))[:2] == (values, compiled_again)
    if "bonus=" not in new:  # a default that is used is part of the signature, and so of the file's name
        assert {path.name for path in home.rglob("*") if path.is_file()} == files, (
            "the new code replaces the old"
        )


START_TREES = """
import numpy as np
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from pylos.game.position import START
    from pylos.search.tree import new_tree, start_trees
    leaves = start_trees(new_tree(1, 1), np.array([START]), 0, np.empty(1, np.int64))
compiled = {event.data["dispatcher"].py_func.__name__ for _, event in recorder.buffer}
print((leaves, compiled))
"""


def test_a_kernel_of_the_package_is_compiled_again_for_a_constant_of_another_wing(tmp_path):
    """As a constant of the rules changes, so does a kernel of the search that calls one of the rules."""
    package, home = tmp_path / "code" / "pylos", str(tmp_path / "home")
    shutil.copytree(
        Path(kernel_cache.__file__).parents[1],
        package,
        ignore=shutil.ignore_patterns("*.ckpt", "*.npz", "__*__"),
    )
    leaves, names, _ = run(package, START_TREES, PYLOS_HOME=home)
    assert leaves == 1
    assert {"start_trees", "add_node", "is_over", "supported_cells"} <= names
    assert run(package, START_TREES, PYLOS_HOME=home) == (1, set(), "")
    change(package / "game" / "rules.py", "BALLS_PER_PLAYER = 15", "BALLS_PER_PLAYER = 0")
    leaves, names, _ = run(package, START_TREES, PYLOS_HOME=home)
    assert (leaves, names) == (0, {"start_trees", "start_tree", "is_over", "balls_per_player"}), (
        "who has no ball has lost"
    )


def test_what_no_change_concerns_is_not_compiled_again(compiled_package):
    home = str(compiled_package.parents[1] / "home")
    change(compiled_package / "constants.py", "UNRELATED = 1", "UNRELATED = 2\nANOTHER = 1")
    change(compiled_package / "wing" / "low.py", "'''Adds.'''", "'''Says something else.'''")
    change(compiled_package / "high.py", "    point =", "    # A comment that moves lines.\n    point =")
    change(
        compiled_package / "kernels" / "bits.py",
        '"""The number of set bits of an int64."""',
        '"""Bits."""',
    )
    (compiled_package / "more.py").write_text(
        "from pylos.kernels.jit import jit\n\n@jit\ndef idle():\n    pass\n"
    )
    assert run(compiled_package, PYLOS_HOME=home) == (BEFORE, set(), "")


def test_settings_of_numba_count(compiled_package):
    home = str(compiled_package.parents[1] / "home")
    assert run(compiled_package, PYLOS_HOME=home, NUMBA_BOUNDSCHECK="1")[1] == ALL
    assert run(compiled_package, PYLOS_HOME=home) == (BEFORE, set(), "")


def test_two_installations_keep_their_own(compiled_package, tmp_path):
    home = str(compiled_package.parents[1] / "home")
    other = write_package(tmp_path / "code" / "pylos")
    change(other / "wing" / "low.py", "x + 3", "x + 4")
    assert run(other, PYLOS_HOME=home)[:2] == ((47, 1), ALL)
    assert run(compiled_package, PYLOS_HOME=home)[:2] == (BEFORE, set())


@pytest.mark.parametrize("place", ["NUMBA_CACHE_DIR", "nowhere"])
def test_kernels_are_kept_where_one_says_or_in_memory(package, tmp_path, place):
    cache = tmp_path / ("home" if place == "nowhere" else "cache")
    environment = {"PYLOS_HOME": str(tmp_path / "home"), place: str(cache)}
    if place == "nowhere":
        cache.write_text("a file in the place of the folder")
    values, names, said = run(package, **environment)
    assert (values, names) == (BEFORE, ALL)
    assert ("compiled kernels live in memory only" in said) == (place == "nowhere")
    assert said.count("\n") == 1 + (place == "nowhere")
    assert run(package, **environment)[:2] == (BEFORE, ALL if place == "nowhere" else set())
    assert len(list(cache.rglob("*.kernel"))) == (0 if place == "nowhere" else len(ALL))
    assert not list(package.rglob("*.nbi"))


def test_kernels_can_be_run_uncompiled(package, tmp_path):
    change(package / "high.py", " + popcount(x)", "")  # it exists in compiled code only
    assert run(package, PYLOS_HOME=str(tmp_path), NUMBA_DISABLE_JIT="1") == ((43, 1), set(), "")


# Damage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for kernels."""
    monkeypatch.setattr(kernel_cache, "_folder", lambda: tmp_path / "kernels")
    kernel_cache._say_in_memory_only.cache_clear()
    kernel_cache._remove_old.cache_clear()
    return tmp_path / "kernels"


def was_compiled() -> bool:
    """Runs a kernel that this process has not loaded yet; whether it had to be compiled."""
    kernel = jit(rules.uncovered_cells.py_func)
    assert kernel(0) == rules.uncovered_cells(0)
    return not kernel.stats.cache_hits


def empty(content: bytes) -> bytes:
    return b""


def zeros(content: bytes) -> bytes:
    return bytes(len(content))


def cut(content: bytes) -> bytes:
    return content[: random.Random(0).randrange(len(content))]


def flipped(seed: int):
    def flip(content: bytes) -> bytes:
        place = random.Random(seed).randrange(8 * len(content))
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        return bytes(damaged)

    return flip


@pytest.mark.parametrize("damage", [empty, zeros, cut, *map(flipped, range(8))])
def test_a_damaged_file_is_compiled_again(folder, damage):
    assert was_compiled()
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert was_compiled()
    assert not was_compiled()
    assert list(folder.iterdir()) == [path]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder):
    assert was_compiled()
    (path,) = folder.iterdir()
    path.unlink()
    os.mkfifo(path)
    assert was_compiled()
    assert not was_compiled()


def test_two_processes_can_write_the_same_file(folder, monkeypatch, capsys):
    """The other one writes it whole while this one is about to put its own in place."""
    sync = os.fsync

    def interrupted(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", sync)
        assert was_compiled()
        sync(descriptor)

    folder.mkdir()
    monkeypatch.setattr(os, "fsync", interrupted)
    assert was_compiled()
    assert not was_compiled()
    assert len(list(folder.iterdir())) == 1
    assert "memory only" not in capsys.readouterr().err


def test_the_file_of_another_kernel_is_not_used(folder):
    assert was_compiled()
    (path,) = folder.iterdir()
    jit(rules.full_squares.py_func)(0)
    (other,) = set(folder.iterdir()) - {path}
    shutil.copy(other, path)
    assert was_compiled()


def test_a_full_disk_is_said_once_and_leaves_nothing(folder, monkeypatch, capsys):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert was_compiled()
    assert was_compiled()
    assert capsys.readouterr().err.count("memory only") == 1
    assert list(folder.iterdir()) == []
    monkeypatch.undo()


# Changes while a process runs, and old files ------------------------------------------------------------------


def define(text: str) -> dict:
    """The names of a module of ours with this text."""
    names = {"__name__": "pylos.sample", "jit": jit}
    exec(text, names)
    return names


def test_a_constant_that_changes_while_the_process_runs_spoils_no_file(folder):
    names = define("FACTOR = 2\n@jit\ndef low(x): return FACTOR * x\n@jit\ndef high(x): return low(x)")
    assert names["low"](1) == 2
    (path,) = folder.iterdir()
    names["FACTOR"] = 3
    assert names["low"](1.0) == 3
    assert names["high"](1) == 2, "numba has compiled what it calls before the change"
    assert list(folder.iterdir()) == [path]


def test_a_kernel_with_unknown_dependencies_lives_in_memory(folder):
    names = define("from pylos.game import rules\n@jit\ndef kernel(x): return x + rules.NUM_CELLS")
    assert names["kernel"](1) == 1 + rules.NUM_CELLS
    assert not folder.exists()


def test_a_kernel_with_a_table_too_large_for_its_code_lives_in_memory(folder):
    """numba puts the address of such a table into the code, which is of this process only."""
    names = define("import numpy as np\nTABLE = np.arange(200_000)\n@jit\ndef kernel(x): return TABLE[x]")
    assert names["kernel"](3) == 3
    assert not folder.exists()


def test_files_that_are_old_are_removed(folder):
    other = folder.with_name("other")
    other.mkdir()
    for name, days in (
        ("pylos.a.kernel", 31),
        ("pylos.b.kernel.x.part", 31),
        ("pylos.c.kernel", 29),
        ("d.nbi", 31),
    ):
        (other / name).touch()
        os.utime(other / name, (time.time() - days * 24 * 3600,) * 2)
    assert was_compiled()
    assert sorted(path.name for path in other.iterdir()) == ["d.nbi", "pylos.c.kernel"]
    assert len(list(folder.iterdir())) == 1
