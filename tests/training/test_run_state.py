"""Which run a checkpoint names, and what is checked and said before a fit goes on from it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pylos.errors import CheckpointError
from pylos.runs.identity import RUN_KEY, read_identity
from pylos.runs.logger import RunLogger
from pylos.runs.metrics_file import read_metrics
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def test_a_resume_with_other_threads_warns_and_goes_on(tmp_path: Path, recwarn: pytest.WarningsRecorder):
    threads = torch.get_num_threads()
    tiny_trainer(tmp_path, max_epochs=1).fit(tiny_module(), datamodule=tiny_data())
    path = tmp_path / "last.ckpt"
    tiny_trainer(tmp_path, max_epochs=2).fit(tiny_module(), datamodule=tiny_data(), ckpt_path=path)
    assert not [w for w in recwarn if "bit for bit" in str(w.message)]
    torch.set_num_threads(threads + 1)
    try:
        trainer = tiny_trainer(tmp_path, max_epochs=3)
        trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=path)
    finally:
        torch.set_num_threads(threads)
    (warning,) = [str(w.message) for w in recwarn if "bit for bit" in str(w.message)]
    assert warning.endswith(f": torch threads {threads} then, {threads + 1} now")
    assert trainer.current_epoch == 3


def test_all_checkpoints_of_a_run_have_its_name_and_another_run_has_another(tmp_path: Path):
    def name(folder: Path, epochs: int, start: Path | None = None) -> str:
        tiny_trainer(folder, epochs).fit(tiny_module(), datamodule=tiny_data(), ckpt_path=start)
        checkpoint = torch.load(folder / "last.ckpt", weights_only=True)
        assert read_identity(folder) == checkpoint[RUN_KEY]
        return str(checkpoint[RUN_KEY])

    first = name(tmp_path / "run", 1)
    assert name(tmp_path / "run", 2, tmp_path / "run" / "last.ckpt") == first
    assert name(tmp_path / "again", 1) == first  # it begins with the same weights and options
    assert name(tmp_path / "branch", 3, tmp_path / "run" / "last.ckpt") != first


def test_a_module_in_a_second_fit_is_in_a_run_of_its_own(tmp_path: Path):
    module, names = tiny_module(), []
    for folder in (tmp_path / "a", tmp_path / "b"):
        tiny_trainer(folder, 1).fit(module, datamodule=tiny_data())
        names.append(torch.load(folder / "last.ckpt", weights_only=True)[RUN_KEY])
    assert names[0] != names[1]  # its weights were others when it began
    fresh = tiny_module()
    fresh.load_state_dict(torch.load(tmp_path / "a" / "last.ckpt", weights_only=True)["state_dict"])
    tiny_trainer(tmp_path / "c", 1).fit(fresh, datamodule=tiny_data())
    assert torch.load(tmp_path / "c" / "last.ckpt", weights_only=True)[RUN_KEY] == names[1]


@pytest.mark.parametrize("part", ["optimizer_states", "lr_schedulers"])
def test_states_of_other_optimizers_are_refused_before_the_first_game(tmp_path: Path, part: str):
    tiny_trainer(tmp_path, 1).fit(tiny_module(), datamodule=tiny_data())
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    checkpoint[part] = []
    torch.save(checkpoint, tmp_path / "other.ckpt")
    data = tiny_data()
    with pytest.raises(CheckpointError, match="the state of 0 "):
        tiny_trainer(tmp_path, 2).fit(tiny_module(), datamodule=data, ckpt_path=tmp_path / "other.ckpt")
    assert data.stats is None


def test_a_resume_brings_the_history_of_its_checkpoint(tmp_path: Path):
    def fit(epochs: int, start: Path | None) -> None:
        logger = RunLogger(str(tmp_path), version="run")
        trainer = tiny_trainer(tmp_path, epochs, logger=logger)
        trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=start)

    path = tmp_path / "run" / "metrics.csv"
    fit(1, None)
    path.unlink()
    with pytest.warns(UserWarning, match="is missing; it is written again, from the checkpoint"):
        fit(2, tmp_path / "last.ckpt")
    assert [row["step"] for row in read_metrics(path)] == ["4", "8"]
