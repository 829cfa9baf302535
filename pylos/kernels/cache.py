"""The machine code of kernels on disk, used again only if it is undamaged and of the same functions and constants.

numba's own cache does not suffice. It notices a change in the file of a kernel, but not in the kernels and constants
that come from other files and are frozen into the machine code. And it trusts whatever it finds on the disk.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba

# Read in numba 0.68.1: a dispatcher calls load_overload, and save_overload after it has compiled.
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps

from pylos.kernels.digest import UnknownDependencyError, kernel_digest
from pylos.system.files import read_bytes, replacing
from pylos.system.home import home
from pylos.system.output import print_stderr

_CHECKSUM_BYTES = 32
_OLD_S = 30 * 24 * 3600


@functools.cache
def _folder() -> Path:
    """The folder for the kernels of this installation. Other installations have theirs beside it."""
    place = hashlib.blake2b(str(Path(__file__).parent).encode(), digest_size=8)
    return Path(numba.config.CACHE_DIR or home() / "kernels") / place.hexdigest()


@functools.cache
def _settings() -> list[tuple[str, str]]:
    """The settings of numba, such as to check bounds. Those of its CUDA target do not change code for the CPU."""
    return sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and "CUDA" not in name
    )


class KernelCache(NullCache):  # type: ignore[misc]  # numba has no types
    """Keeps the machine code of one kernel of this package, in a file for each signature.

    A file holds three parts: the SHA-256 of the other two, the digest of what the code depends on, and the code. Where
    the SHA-256 or the digest differs, the kernel is compiled again and its file replaced. Where nothing can be written,
    or where it is not known what the code depends on, the code is kept in memory only.
    """

    def __init__(self, kernel: CPUDispatcher) -> None:
        self._kernel = kernel
        self._folder = _folder()

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The machine code for a signature, or None."""
        target.refresh()
        with suppress(Exception):  # whatever is wrong with the file, the kernel can be compiled again
            head = len(digest := kernel_digest(self._kernel, signature))
            content = memoryview(read_bytes(self._path(signature, target.codegen())))
            checksum, content = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
            if hashlib.sha256(content).digest() == checksum and content[:head] == digest:
                return CompileResult._rebuild(target, *pickle.loads(content[head:]))
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Writes the machine code, whole or not at all."""
        if result.lifted or result.library.has_dynamic_globals:
            return  # the code holds addresses of this process
        try:
            digest = kernel_digest(self._kernel, signature)
            if digest != kernel_digest(self._kernel, signature, afresh=True):
                return  # a constant has changed in this process: the code may hold the old value or the new one
        except UnknownDependencyError:
            return
        content = digest + dumps(result._reduce())
        path = self._path(signature, result.codegen)
        try:
            with replacing(path, shared=True) as file:
                file.write(hashlib.sha256(content).digest() + content)
            _remove_old(self._folder.parent)
        except OSError as error:
            _say_in_memory_only(path.parent, error.strerror)

    def _path(self, signature: Any, codegen: Any) -> Path:
        function = self._kernel.py_func
        what = hashlib.blake2b(repr((signature, codegen.magic_tuple(), _settings())).encode(), digest_size=8)
        return self._folder / f"{function.__module__}.{function.__qualname__}-{what.hexdigest()}.kernel"


@functools.cache
def _say_in_memory_only(folder: Path, reason: str) -> None:
    """Says why nothing is kept; the same only once per process."""
    print_stderr(
        f"pylos: compiled kernels live in memory only, {folder} cannot be written to "
        f"({reason}): PYLOS_HOME may name another folder"
    )


@functools.cache
def _remove_old(kernels: Path) -> None:
    """Removes old files of every installation, once per process.

    Kernels get other names and installations go, so files are left that nobody uses. A file that is still in use is
    compiled again.
    """
    for path in kernels.glob("*/pylos.*.kernel*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()
