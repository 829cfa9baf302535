"""Machine code on disk, used again only where it is sound and of exactly this source code.

numba's own cache notices a change in the file of a kernel, but not in the kernels and constants that it takes from
other files, which are frozen into its machine code; and it trusts whatever it finds on the disk.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import platform
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np

# Read in numba 0.68.1: a dispatcher calls load_overload, and save_overload after it has compiled.
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from pylos.files import read_bytes
from pylos.home import home
from pylos.output import tell

_PACKAGE = Path(__file__).parent
_CHECKSUM_BYTES = 32


@functools.cache
def _folder() -> Path:
    """The folder of the machine code that belongs to exactly these sources and libraries.

    All files of the package count: what a kernel takes from one, be it a number, is frozen into its code.
    """
    versions = platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__
    digest = hashlib.blake2b(repr(versions).encode(), digest_size=8)
    for source in sorted(_PACKAGE.rglob("*.py")):
        text = source.read_bytes()
        digest.update(f"{source.relative_to(_PACKAGE)} {len(text)}\n".encode() + text)
    return Path(numba.config.CACHE_DIR or home() / "kernels") / f"{_place()}-{digest.hexdigest()}"


def _place() -> str:
    """The first half of the folder's name: each installation keeps the code of its newest sources."""
    return hashlib.blake2b(str(_PACKAGE).encode(), digest_size=4).hexdigest()


@functools.cache
def _settings() -> list[tuple[str, str]]:
    """What numba is told to do, such as to check bounds."""
    return sorted((name, value) for name, value in os.environ.items() if name.startswith("NUMBA_"))


class KernelCache(NullCache):  # type: ignore[misc]  # numba has no types
    """Keeps what a kernel of this package was compiled to, in a file for each signature.

    A file begins with the SHA-256 of the rest, so that one that a power cut left empty or that was damaged is
    compiled again. Where nothing can be written kernels live in memory.
    """

    _complained = False

    def __init__(self, function: Callable[..., Any]) -> None:
        code = function.__code__
        self._folder = _folder()
        self._name = f"{function.__module__}.{function.__qualname__}-{code.co_firstlineno}"

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for a signature, or None."""
        target.refresh()
        with suppress(Exception):  # whatever is wrong with the file, the kernel can be compiled again
            content = read_bytes(self._path(signature, target.codegen()))
            if hashlib.sha256(content[_CHECKSUM_BYTES:]).digest() == content[:_CHECKSUM_BYTES]:
                known, parts = pickle.loads(content[_CHECKSUM_BYTES:])
                if known == (self._name, signature):
                    return CompileResult._rebuild(target, *parts)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Writes what was compiled, whole or not at all."""
        if result.lifted or result.library.has_dynamic_globals:
            return  # its code holds addresses of this process
        content = dumps(((self._name, signature), result._reduce()))
        path = self._path(signature, result.codegen)
        try:
            _make_folder(self._folder)
            _replace(path, hashlib.sha256(content).digest() + content)
        except OSError as error:
            if not KernelCache._complained:
                KernelCache._complained = True
                tell(
                    f"pylos: compiled kernels live in memory only, {path.parent} cannot be written to "
                    f"({error.strerror}): PYLOS_HOME may name another folder"
                )

    def _path(self, signature: Any, codegen: Any) -> Path:
        what = hashlib.blake2b(repr((signature, codegen.magic_tuple(), _settings())).encode(), digest_size=8)
        return self._folder / f"{self._name}-{what.hexdigest()}.kernel"


def _make_folder(folder: Path) -> None:
    """Makes the folder, in place of those of older sources."""
    if not folder.exists():
        for old in folder.parent.glob(f"{_place()}-*"):
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Writes a file that several processes may write at the same time."""
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.remove(part)
        raise
