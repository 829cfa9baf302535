"""Which starts of a run leave a configuration, and when its first epoch ends."""

import pytest
from jsonargparse import ArgumentParser
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from pylos.cli.record_config import RecordConfig
from pylos.runs.first_epoch import begin_first_epoch, read_note, unfinished_start
from pylos.runs.folder import checkpoint_folder, run_folder
from tests.support.saving import IO, sample_checkpoint


@pytest.fixture
def trainer(tmp_path):
    return Trainer(accelerator="cpu", logger=False, callbacks=[ModelCheckpoint(tmp_path / "run", "last")])


def recorder(**options) -> RecordConfig:
    parser = ArgumentParser()
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--ckpt_path")
    return RecordConfig(parser, parser.parse_object(options))


def test_every_start_with_other_options_leaves_a_file(trainer):
    recorder(epochs=9).setup(trainer, None, "validate")  # is no start of a run
    for options in ({"epochs": 1}, {"epochs": 1, "ckpt_path": "last"}, {"epochs": 2}):
        callback = recorder(**options)
        callback.setup(trainer, None, "fit")
        assert callback.config.ckpt_path == options.get(
            "ckpt_path"
        )  # the configuration in use stays as it is
    folder = run_folder(trainer)
    written = {path.name: path.read_text() for path in folder.glob("*.yaml")}
    assert written == {
        "config.yaml": "epochs: 1\nckpt_path: null\n",
        "config-2.yaml": "epochs: 2\nckpt_path: null\n",
    }


@pytest.mark.parametrize("hook", ["on_train_epoch_start", "on_fit_end"])
def test_the_first_epoch_ends_with_its_checkpoint(trainer, hook):
    folder = checkpoint_folder(trainer)
    folder.mkdir()
    begin_first_epoch(folder, None)
    callback = recorder(epochs=1)
    getattr(callback, hook)(trainer, None)
    assert unfinished_start(folder) is not None
    IO.save_checkpoint(sample_checkpoint(epoch=0), str(folder / "last.ckpt"))
    getattr(callback, hook)(trainer, None)
    assert read_note(folder) is None
