"""How Lightning writes and reads our checkpoints. A file of its own because it imports Lightning."""

from __future__ import annotations

import os
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from pylos.errors import CheckpointError
from pylos.network.checkpoint_format import REQUIRED, check_and_upgrade
from pylos.network.checkpoints import read_torch_file
from pylos.runs.first_rank import all_see_the_same, of_first_rank
from pylos.system.files import StrPath, replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints that a kill leaves whole, and notices when a bit in one has changed.

    Lightning's own IO writes to a file in $TMPDIR first. Across file systems that file is then copied, and a kill
    leaves half a copy. Every kill leaves a temporary file. It tests no checksums either.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: StrPath, storage_options: Any | None = None
    ) -> None:
        """Writes a checkpoint whole or not at all.

        Raises:
            CheckpointError: it cannot be written, for example because the disk is full; the old file stays.
            TypeError: there are `storage_options`; a local file has none.
        """
        if storage_options is not None:
            raise TypeError(f"{type(self).__name__} writes local files and takes no storage_options")
        try:
            with replacing(path) as file:
                torch.save(checkpoint, file)
        except (OSError, RuntimeError) as error:
            # torch raises an error of its own about the end of the file; the reason is that error's context.
            reason = error if isinstance(error, OSError) else error.__context__
            if not isinstance(reason, OSError):
                raise
            raise CheckpointError(
                f"cannot write {path}: {reason.strerror}; what was there before is untouched"
            ) from error

    def load_checkpoint(
        self, path: StrPath, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads what `save_checkpoint` wrote, after testing its checksums. Call it on all ranks.

        Ranks on other machines than the first one get what it has read, unless they see the same file.

        No code from the file is ever run, whatever `weights_only` says. Any dictionary is accepted, because launchers
        that start processes hand over bare weights in this way.

        Raises:
            CheckpointError: the file is missing, damaged or not a checkpoint, makes no sense, or wants to run code.
        """
        if not all_see_the_same(path):
            return of_first_rank(lambda: self._load(path, "cpu"))
        return self._load(path, map_location)

    @staticmethod
    def _load(path: StrPath, map_location: Any) -> dict[str, Any]:
        checkpoint: dict[str, Any] = read_torch_file(path, map_location=map_location)
        if not isinstance(checkpoint, dict):
            raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(checkpoint).__name__}")
        if REQUIRED.keys() <= checkpoint.keys():
            check_and_upgrade(checkpoint, path)  # before Lightning converts it to its own version
            if "pytorch-lightning_version" not in checkpoint:
                raise CheckpointError(f"{path} does not say of which version of Lightning it is")
        return checkpoint

    def remove_checkpoint(self, path: StrPath) -> None:
        """Removes a checkpoint if it is a file. Lightning's own removes folders, too, with everything in them."""
        if os.path.isfile(path) or os.path.islink(path):
            os.unlink(path)
