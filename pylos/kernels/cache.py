"""Machine code on disk, used again only where it is sound and of exactly these functions and constants.

numba's own cache notices a change in the file of a kernel, but not in the kernels and constants that it takes from
other files, which are frozen into its machine code; and it trusts whatever it finds on the disk.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba

# Read in numba 0.68.1: a dispatcher calls load_overload, and save_overload after it has compiled.
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps

from pylos.kernels import digest as kernel_digest
from pylos.system.files import read_bytes
from pylos.system.home import home
from pylos.system.output import print_stderr

_CHECKSUM_BYTES = 32
_OLD_S = 30 * 24 * 3600


@functools.cache
def _folder() -> Path:
    """The folder of the kernels of this installation; others keep theirs beside it."""
    place = hashlib.blake2b(str(Path(__file__).parent).encode(), digest_size=8)
    return Path(numba.config.CACHE_DIR or home() / "kernels") / place.hexdigest()


@functools.cache
def _settings() -> list[tuple[str, str]]:
    """What numba is told to do, such as to check bounds."""
    return sorted((name, value) for name, value in os.environ.items() if name.startswith("NUMBA_"))


class KernelCache(NullCache):  # type: ignore[misc]  # numba has no types
    """Keeps what a kernel of this package was compiled to, in a file for each signature.

    A file holds the SHA-256 of the rest, so that one that a power cut left empty or that was damaged is compiled
    again; the digest of what the code depends on; and the code. Code of another digest is compiled again and takes
    the place of the old. Where nothing can be written, or where it cannot be told what it depends on, a kernel lives
    in memory.
    """

    _complained = False

    def __init__(self, kernel: CPUDispatcher) -> None:
        self._kernel = kernel
        self._folder = _folder()

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """What was compiled for a signature, or None."""
        target.refresh()
        with suppress(Exception):  # whatever is wrong with the file, the kernel can be compiled again
            head = len(digest := kernel_digest.digest(self._kernel, signature))
            content = memoryview(read_bytes(self._path(signature, target.codegen())))
            checksum, content = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
            if hashlib.sha256(content).digest() == checksum and content[:head] == digest:
                return CompileResult._rebuild(target, *pickle.loads(content[head:]))
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Writes what was compiled, whole or not at all."""
        if result.lifted or result.library.has_dynamic_globals:
            return  # its code holds addresses of this process
        try:
            digest = kernel_digest.digest(self._kernel, signature)
            if digest != kernel_digest.digest(self._kernel, signature, afresh=True):
                return  # a constant was changed while the process ran: the code may have it as it was or as it is
        except kernel_digest.UnknownDependencyError:
            return
        content = digest + dumps(result._reduce())
        path = self._path(signature, result.codegen)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _replace(path, hashlib.sha256(content).digest() + content)
            _forget_old(self._folder.parent)
        except OSError as error:
            if not KernelCache._complained:
                KernelCache._complained = True
                print_stderr(
                    f"pylos: compiled kernels live in memory only, {path.parent} cannot be written to "
                    f"({error.strerror}): PYLOS_HOME may name another folder"
                )

    def _path(self, signature: Any, codegen: Any) -> Path:
        function = self._kernel.py_func
        what = hashlib.blake2b(repr((signature, codegen.magic_tuple(), _settings())).encode(), digest_size=8)
        return self._folder / f"{function.__module__}.{function.__qualname__}-{what.hexdigest()}.kernel"


@functools.cache
def _forget_old(kernels: Path) -> None:
    """Removes, once per process, old files of whatever installation: kernels come to other names, folders go.

    One that is still in use is compiled again.
    """
    for path in kernels.glob("*/pylos.*.kernel*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD_S:
                path.unlink()


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
