"""What is on the disk when the power goes: what was synced, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

Names = dict[str, int]


class Disk:
    """What has reached the disk below a folder; that the folder itself is there is taken for granted.

    A file has the content of its last sync, and a folder the names of its last sync. Files are told apart by their
    inodes, because a renamed file keeps its content.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[int, bytes] = {}
        self.folders: dict[int, Names] = {}
        self.cuts: list[tuple[dict[int, bytes], dict[int, Names]]] = []
        """The disk after each sync that brought a new checkpoint to resume from."""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Notes what reaches the disk within the block."""
        fsync, last = os.fsync, 0

        def watching_fsync(descriptor: int) -> None:
            nonlocal last
            fsync(descriptor)
            path, inode = Path(os.readlink(f"/proc/self/fd/{descriptor}")), os.fstat(descriptor).st_ino
            if path.is_dir():
                self.folders[inode] = {child.name: child.stat().st_ino for child in path.iterdir()}
                newest = self.folders[inode].get("last.ckpt", last)
                if newest != last:
                    last = newest
                    self.cuts.append((dict(self.files), dict(self.folders)))
            else:
                self.files[inode] = path.read_bytes()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", watching_fsync)
            yield

    def leave(self, target: Path, cut: int | None = None) -> None:
        """Writes what a power cut leaves: at the end, or at one of the instants in `cuts`."""
        files, folders = (self.files, self.folders) if cut is None else self.cuts[cut]

        def write(inode: int, here: Path, there: Path) -> None:
            there.mkdir()
            for name, child in folders.get(inode, {}).items():
                if (here / name).is_dir():
                    write(child, here / name, there / name)
                else:
                    (there / name).write_bytes(files.get(child, b""))

        write(self.root.stat().st_ino, self.root, target)
