"""Compiled kernels on disk: never of other sources, never damaged, never needed."""

import errno
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pylos import kernel_cache, rules
from pylos.jit import jit

# Another source code -----------------------------------------------------------------------------------------

SOURCES = {
    "__init__.py": "",
    "constants.py": "FACTOR = 2\n",  # no kernel in it
    "wing/__init__.py": "",
    "wing/low.py": "from pylos.jit import jit\n\n@jit\ndef add(x):\n    return x + 3\n",
    "high.py": (
        "from pylos.constants import FACTOR\nfrom pylos.jit import jit\nfrom pylos.wing.low import add\n\n"
        "@jit\ndef compute(x):\n    return FACTOR * add(x)\n"
    ),
}
MACHINERY = ("jit.py", "kernel_cache.py", "files.py", "home.py", "output.py")


@pytest.fixture
def package(tmp_path):
    """The folder of a package of this name with hardly more than our way of compiling."""
    folder = tmp_path / "code" / "pylos"
    (folder / "wing").mkdir(parents=True)
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    for name in MACHINERY:
        shutil.copy(Path(kernel_cache.__file__).with_name(name), folder)
    return folder


def compute(package: Path, **environment: str) -> tuple[int, str]:
    """``compute(10)`` in a process of its own, and what that said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    result = subprocess.run(
        [sys.executable, "-c", "from pylos.high import compute; print(compute(10))"],
        cwd=package.parent,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(result.stdout), result.stderr


CHANGES = {  # and what compute(10) is then
    "wing/low.py": ("x + 3", "x + 4", 28),
    "constants.py": ("2", "5", 65),
}


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        ("PYLOS_HOME", "wing/low.py"),
        ("PYLOS_HOME", "constants.py"),
        ("NUMBA_CACHE_DIR", "wing/low.py"),
        ("nowhere", "wing/low.py"),
    ],
)
def test_what_was_compiled_from_other_sources_is_not_used(package, tmp_path, place, changed):
    cache = tmp_path / ("home" if place == "nowhere" else "cache")
    environment = {"PYLOS_HOME": str(tmp_path / "home"), place: str(cache)}
    if place == "nowhere":
        cache.write_text("a file in the place of the folder")
    value, said = compute(package, **environment)
    assert value == 26
    assert ("compiled kernels live in memory only" in said) == (place == "nowhere")
    old, new, expected = CHANGES[changed]
    path = package / changed
    path.write_text(path.read_text().replace(old, new))
    value, again = compute(package, **environment)
    assert value == expected
    assert said.count("\n") == again.count("\n") == 1 + (place == "nowhere")
    folders = [path for path in cache.rglob("*") if path.is_dir() and list(path.glob("*.kernel"))]
    assert len(folders) == (place != "nowhere"), "those of older sources are removed"
    assert not list(package.rglob("*.nbi"))


def test_settings_of_numba_count_and_what_is_kept_is_used(package, tmp_path):
    home = str(tmp_path / "home")
    assert "compiling" in compute(package, PYLOS_HOME=home)[1]
    assert "compiling" in compute(package, PYLOS_HOME=home, NUMBA_BOUNDSCHECK="1")[1]
    assert compute(package, PYLOS_HOME=home) == (26, "")


def test_kernels_can_be_run_uncompiled(package, tmp_path):
    assert compute(package, PYLOS_HOME=str(tmp_path), NUMBA_DISABLE_JIT="1") == (26, "")


# Damage ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for kernels."""
    monkeypatch.setattr(kernel_cache, "_folder", lambda: tmp_path / "kernels")
    monkeypatch.setattr(kernel_cache.KernelCache, "_complained", False)
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
