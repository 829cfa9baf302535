"""The callback that keeps the checkpoint to resume from."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.runs.folder import LAST


class LastCheckpoint(ModelCheckpoint):
    """Keeps `last.ckpt`, from which a run goes on, and replaces it at the end of every epoch.

    Wherever it stands in the list of callbacks, the run lies where it keeps its checkpoint, and it saves after the
    others, whose states are part of what it saves. A class of its own, because Lightning takes two of
    `ModelCheckpoint` that monitor nothing for the same.

    Args:
        dirpath: the folder; by default `checkpoints` in that of the first logger that has one, and in the trainer's
            `default_root_dir` if none has.
    """

    def __init__(self, dirpath: str | Path | None = None) -> None:
        super().__init__(dirpath, filename=Path(LAST).stem, save_top_k=1, enable_version_counter=False)
