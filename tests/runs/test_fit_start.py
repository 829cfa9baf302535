import shutil
import sys
import warnings

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from pylos.errors import CheckpointError, ConfigurationError
from pylos.runs.first_epoch import begin_first_epoch
from pylos.runs.folder import METRICS
from pylos.runs.identity import RUN_KEY, read_identity
from pylos.runs.logger import RunLogger
from pylos.runs.metrics_file import read_metrics
from pylos.runs.resuming import check_games
from pylos.system.signals import CellInterrupt
from pylos.training.generations import Generations
from tests.support.training import assert_equal, tiny_data, tiny_evaluation, tiny_module, tiny_trainer


def fit(folder, epochs=1, start=None, module=None, data=None, logger=False, **options):
    trainer = tiny_trainer(folder, epochs, (tiny_evaluation(games=2),), logger=logger, **options)
    trainer.fit(module or tiny_module(), datamodule=data or tiny_data(), ckpt_path=start)
    return torch.load(folder / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of one epoch, with that of a logger in it. Copy it, do not change it."""
    folder = tmp_path_factory.mktemp("run") / "run"
    fit(folder, logger=RunLogger(folder, version="logs"))
    return folder


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


@pytest.fixture
def no_games(monkeypatch):
    def play(*_):
        pytest.fail("an epoch of self-play before the refusal")

    monkeypatch.setattr(Generations, "play", play)


@pytest.mark.parametrize("lost", ["manifest.json", "logs/metrics.csv"])
def test_a_second_run_in_the_folder_is_refused_before_a_game_is_played(copy, no_games, lost):
    before = {
        path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and "tfevents" not in path.name
    }
    for name in {"manifest.json", "logs/metrics.csv"} - {lost}:
        before.pop(copy / name)
        (copy / name).unlink()
    with pytest.raises(ConfigurationError, match=r"holds another run: go on with it \(ckpt_path='last'"):
        fit(copy, logger=RunLogger(copy, version="logs"))
    assert {path: path.read_bytes() for path in before} == before


def test_so_is_one_from_the_checkpoint_of_another_run(copy, no_games, tmp_path):
    start = torch.load(copy / "last.ckpt", weights_only=True)
    torch.save({**start, RUN_KEY: "another"}, tmp_path / "other.ckpt")
    with pytest.raises(ConfigurationError, match="holds another run"):
        fit(copy, 2, start=tmp_path / "other.ckpt")


def test_another_fit_of_the_same_trainer_goes_on_with_its_run(tmp_path):
    trainer = tiny_trainer(tmp_path, 1, logger=RunLogger(tmp_path, version="logs"))
    module, data = tiny_module(), tiny_data()
    trainer.fit(module, datamodule=data)
    name = read_identity(tmp_path)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(module, datamodule=data)
    assert [row["epoch"] for row in read_metrics(tmp_path / "logs" / METRICS)] == ["0", "1"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)[RUN_KEY] == read_identity(tmp_path) == name


def test_what_an_interrupted_first_epoch_has_left_is_no_other_run(tmp_path):
    begin_first_epoch(tmp_path, None)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / METRICS).write_text("step,a\n2,1\n")
    fit(tmp_path, logger=RunLogger(tmp_path, version="logs"))
    assert [row["step"] for row in read_metrics(tmp_path / "logs" / METRICS)] == ["4"]


def test_the_checkpoint_to_resume_from_knows_what_the_others_have_just_saved(tmp_path):
    trainer = tiny_trainer(tmp_path)
    trainer.callbacks.append(ModelCheckpoint(tmp_path, "{epoch}", "step", save_top_k=-1))
    trainer.fit(tiny_module(), datamodule=tiny_data())
    states = torch.load(tmp_path / "last.ckpt", weights_only=True)["callbacks"].values()
    assert {"epoch=0.ckpt", "epoch=1.ckpt"} in [state.get("best_k_models", {}).keys() for state in states]


def test_a_run_goes_on_by_its_own_checkpoint_wherever_that_lies(copy, tmp_path):
    shutil.move(copy / "last.ckpt", tmp_path / "mine.ckpt")
    assert fit(copy, 2, start=tmp_path / "mine.ckpt")["epoch"] == 1


def test_every_checkpoint_bears_the_name_of_its_run(run, copy, tmp_path):
    name = read_identity(run)
    assert torch.load(run / "last.ckpt", weights_only=True)[RUN_KEY] == name
    assert fit(copy, 2, start="last")[RUN_KEY] == read_identity(copy) == name
    branch = fit(tmp_path / "branch", 2, start=run / "last.ckpt")
    assert branch[RUN_KEY] == read_identity(tmp_path / "branch") != name
    other = {**torch.load(run / "last.ckpt", weights_only=True), RUN_KEY: "another"}
    torch.save(other, tmp_path / "other.ckpt")
    assert fit(tmp_path / "twig", 2, start=tmp_path / "other.ckpt")[RUN_KEY] != branch[RUN_KEY]
    module = tiny_module()
    assert fit(tmp_path / "again", module=module)[RUN_KEY] == name
    assert fit(tmp_path / "other", module=module)[RUN_KEY] != name  # it begins with other weights


def test_a_run_of_an_earlier_version_gets_a_name(copy):
    (copy / "run.json").unlink()
    old = {k: v for k, v in torch.load(copy / "last.ckpt", weights_only=True).items() if k != RUN_KEY}
    torch.save(old, copy / "last.ckpt")
    name = fit(copy, 2, start="last")[RUN_KEY]
    assert name == read_identity(copy) is not None
    torch.save(old, copy / "last.ckpt")  # the epoch was interrupted
    assert fit(copy, 2, start="last")[RUN_KEY] == name


def test_the_last_checkpoint_of_another_run_is_refused(copy, no_games, tmp_path):
    other = torch.load(copy / "last.ckpt", weights_only=True)
    torch.save({**other, RUN_KEY: "another"}, copy / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"last\.ckpt is of another run"):
        fit(copy, 2, start="last")


@pytest.mark.parametrize("missing", ["manifest.json", "logs/metrics.csv"])
def test_a_missing_record_is_said_in_one_line(copy, missing):
    (copy / missing).unlink()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(copy, 1, start="last", logger=RunLogger(copy, version="logs"))
    said = [str(w.message) for w in caught if "is missing" in str(w.message)]
    assert len(said) == 1
    assert str(copy / missing) in said[0]


def test_no_record_is_missed_that_there_cannot_be(run, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tmp_path / "new", 2, start=run / "last.ckpt", logger=RunLogger(tmp_path, version="logs"))
    assert not [w for w in caught if "is missing" in str(w.message)]


def test_weights_alone_are_nothing_to_go_on_from(copy, tmp_path, no_games):
    weights = torch.load(copy / "last.ckpt", weights_only=True)
    for part in ("optimizer_states", "lr_schedulers", "callbacks"):
        del weights[part]
    path = tmp_path / "weights.ckpt"
    torch.save(weights, path)
    with pytest.raises(
        CheckpointError, match=r"holds weights only: it lacks optimizer_states, lr_schedulers, call"
    ):
        fit(tmp_path / "run", start=path)
    trainer = tiny_trainer(tmp_path)
    assert trainer.validate(tiny_module(), datamodule=tiny_data(), ckpt_path=path, verbose=False)


def test_the_advice_is_that_of_the_games_themselves(run, tmp_path):
    with pytest.raises(ConfigurationError, match=r"data\.root puct"):
        fit(tmp_path / "new", 2, start=run / "last.ckpt", data=tiny_data(root="gumbel"))
    check_games({}, None, "x.ckpt")


def test_a_run_without_checkpoints_gets_no_name(tmp_path):
    logger = CSVLogger(tmp_path, version="logs")
    trainer = Trainer(accelerator="cpu", max_epochs=1, logger=logger, enable_checkpointing=False)
    trainer.fit(tiny_module(), datamodule=tiny_data())
    assert not [path for path in tmp_path.rglob("*") if path.name in ("run.json", "checkpoints")]


def test_a_run_at_a_prompt_can_go_on_before_its_first_epoch_has_ended(tmp_path, monkeypatch):
    """There the same module, which the interrupted epoch has changed, is fitted again."""

    class Interrupts(Callback):
        done = False

        def on_train_batch_end(self, *_):
            if not self.done:
                self.done = True
                raise CellInterrupt

    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    expected = fit(tmp_path / "straight")
    folder, module, data = tmp_path / "halted", tiny_module(), tiny_data()
    trainer = tiny_trainer(folder, 1, (tiny_evaluation(games=2), Interrupts()))
    with pytest.raises(CellInterrupt, match="ckpt_path='last'"):
        trainer.fit(module, datamodule=data)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="was interrupted"):
            trainer.fit(module, datamodule=data)
    trainer.fit(module, datamodule=data, ckpt_path=folder / "last.ckpt")
    found = torch.load(folder / "last.ckpt", weights_only=True)
    for part in ("state_dict", "optimizer_states", "SelfPlayDataModule", "epoch", "global_step", "metrics"):
        assert_equal(expected[part], found[part], part)


def test_a_run_without_a_prompt_saves_nothing_before_its_first_epoch_has_ended(tmp_path):
    class Breaks(Callback):
        def on_train_start(self, *_):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tiny_trainer(tmp_path, 1, (Breaks(),)).fit(tiny_module(), datamodule=tiny_data())
    assert not (tmp_path / "last.ckpt").exists()
