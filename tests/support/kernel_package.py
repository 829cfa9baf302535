"""A small package of our name, whose kernels are compiled by processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pylos.kernels import cache as kernel_cache

SOURCES = {
    "__init__.py": "",
    "constants.py": """
from typing import NamedTuple
import numpy as np
FACTOR = 2
PAIR = (1, 2.5)
TABLE = np.array([3, 5])
UNRELATED = 1
class Point(NamedTuple):
    x: int
    y: int
""",
    "wing/__init__.py": "",
    "wing/low.py": """
from pylos.kernels.jit import jit
@jit
def add(x):
    '''Adds.'''
    return x + 3
""",
    "high.py": """
from pylos.constants import FACTOR, PAIR, TABLE, Point
from pylos.kernels.bits import popcount
from pylos.kernels.jit import jit
from pylos.wing.low import add
@jit
def compute(x, bonus=1):
    point = Point(x, 100)
    return FACTOR * add(x) + TABLE[1] + PAIR[0] + bonus + point.x + popcount(x)
@jit
def read(point):
    return point.x
""",
}
MACHINERY = (
    *("kernels/jit.py", "kernels/bits.py", "kernels/cache.py", "kernels/digest.py"),
    *("system/files.py", "system/home.py", "system/output.py"),
)
RUN = """
from numba.core import event
with event.install_recorder("numba:compile") as recorder:
    from pylos.high import Point, compute, read
    values = int(compute(10)), read(Point(1, 2))
compiled = {event.data["dispatcher"].py_func.__name__ for _, event in recorder.buffer}
print((values, compiled))
"""
ALL = {"add", "compute", "read"}
BEFORE = (45, 1)  # 2 * (10 + 3) + 5 + 1 + 1 + 10 + 2


def write_package(folder: Path) -> Path:
    """Writes a small package of our name: what compiles kernels, and the modules above."""
    (folder / "wing").mkdir(parents=True)
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    for name in MACHINERY:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(Path(kernel_cache.__file__).parents[1] / name, folder / name)
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def run(package: Path, code: str = RUN, **environment: str) -> tuple[Any, set[str], str]:
    """What a process of its own computes, the kernels that it compiles, and what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=package.parent,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return *eval(result.stdout), result.stderr
