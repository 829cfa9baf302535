"""The callback that keeps the checkpoint to resume from."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.runs.folder import LAST


class LastCheckpoint(ModelCheckpoint):
    """Keeps `last.ckpt`, from which a run goes on, and replaces it at the end of every epoch.

    Its folder is that of the run, wherever it stands in the list of callbacks. It saves after the other callbacks,
    because their states are part of the checkpoint. It is a class of its own because Lightning cannot tell apart two
    `ModelCheckpoint` that monitor nothing.

    Args:
        dirpath: the folder; by default `checkpoints` in the folder of the first logger that has one, or in the
            trainer's `default_root_dir` if none has.
    """

    def __init__(self, dirpath: str | Path | None = None) -> None:
        super().__init__(dirpath, filename=Path(LAST).stem, save_top_k=1, enable_version_counter=False)
