from pathlib import Path

import pytest

from pylos.network.checkpoints import read_progress
from tests.support.saving import IO, sample_checkpoint


@pytest.mark.parametrize(
    ("loops", "epoch"),
    [
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 1}}}}, 0),  # within the second epoch
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 2}}}}, 1),  # at its end
        ({"fit_loop": {"epoch_progress": {"current": {"processed": 0}}}}, -1),
        ({"fit_loop": {"epoch_progress": {"current": {"processed": -9}}}}, 1),
        ({"fit_loop": {}}, 1),
        ({}, 1),
    ],
)
def test_the_summary_tells_the_last_finished_epoch(tmp_path: Path, loops: object, epoch: int) -> None:
    IO.save_checkpoint({**sample_checkpoint(), "loops": loops}, tmp_path / "a.ckpt")
    assert read_progress(tmp_path / "a.ckpt") == (epoch, 10)
