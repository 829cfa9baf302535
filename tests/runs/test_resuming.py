"""A training goes on only from states that fit it. Others are refused in one line, before a game is played."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

from callbacks import Report
from pylos.cli.main import main
from pylos.errors import CheckpointError, ConfigurationError
from pylos.network.checkpoint_format import VERSION, VERSION_KEY
from pylos.network.checkpoints import load_checkpoint
from pylos.network.patterns import NUM_PATTERNS
from pylos.runs.resuming import NEEDED, check_complete, check_games
from pylos.selfplay.play import SelfPlay
from tests.support.saving import IO, error_of, of_version_2
from tests.support.training import (
    STEPS_PER_EPOCH,
    assert_equal,
    config_text,
    tiny_data,
    tiny_evaluation,
    tiny_module,
    tiny_trainer,
)

State = dict[str, Any]


def fit(folder: Path, epochs: int, resume: Path | None = None, **changes: Any) -> pl.Trainer:
    callbacks = (tiny_evaluation(games=2), Report().without_bar(), *changes.pop("callbacks", ()))
    trainer = tiny_trainer(folder, epochs, callbacks, limit_val_batches=0)
    data = tiny_data(games_per_epoch=1, simulations=2)
    trainer.fit(tiny_module(width=8, **changes), datamodule=data, ckpt_path=resume)
    return trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch. Leave it as it is."""
    folder = tmp_path_factory.mktemp("resuming")
    fit(folder, 1)
    return folder


@pytest.fixture
def state(run: Path) -> State:
    return load_checkpoint(run / "last.ckpt")


def at(*keys: Any, put: Any) -> Callable[[State], None]:
    """A change of a checkpoint: a new value at a place in it, or what a function makes of the old value."""

    def change(state: Any) -> None:
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = put(state[keys[-1]]) if callable(put) else put

    return change


def without(*keys: Any) -> Callable[[State], None]:
    def change(state: Any) -> None:
        for key in keys[:-1]:
            state = state[key]
        del state[keys[-1]]

    return change


OPTIMIZER = ("optimizer_states", 0)
MOMENTS = (*OPTIMIZER, "state", 0)
GROUP = (*OPTIMIZER, "param_groups", 0)
SCHEDULER = ("lr_schedulers", 0)
LOOP = ("loops", "fit_loop")
EPOCH = (*LOOP, "epoch_progress")
PREVIOUS = ("callbacks", "EvaluationCallback")
CHANGES: dict[str, Callable[[State], None]] = {
    "weights only": without("optimizer_states"),
    "no schedulers": without("lr_schedulers"),
    "no loops": without("loops"),
    "no version": without("pytorch-lightning_version"),
    "a newer version": at(VERSION_KEY, put=VERSION + 1),
    "no metrics": without("metrics"),
    "no fingerprint": without("fingerprint"),
    "no optimizer": at("optimizer_states", put=[]),
    "two optimizers": at("optimizer_states", put=lambda old: old * 2),
    "no groups": at(*OPTIMIZER, "param_groups", put=[]),
    "other weights": at(*OPTIMIZER, "state", put=lambda old: {**old, 99: {}}),
    "a group's weights": at(*GROUP, "params", put=7),
    "a rate": at(*GROUP, "lr", put="fast"),
    "a rate beyond all": at(*GROUP, "lr", put=float("inf")),
    "a rate of nan": at(*GROUP, "lr", put=float("nan")),
    "betas": at(*GROUP, "betas", put=(0.9,)),
    "amsgrad": at(*GROUP, "amsgrad", put=3),
    "moments of a number": at(*MOMENTS, "exp_avg", put=3),
    "moments of another shape": at(*MOMENTS, "exp_avg", put=lambda old: old.flatten()),
    "moments of a shape that would do": at(*MOMENTS, "exp_avg_sq", put=torch.ones(1)),
    "whole moments": at(*MOMENTS, "exp_avg", put=lambda old: old.long()),
    "negative squares": at(*MOMENTS, "exp_avg_sq", put=lambda old: old - 1),
    "moments of nan": at(*MOMENTS, "exp_avg", put=lambda old: old * float("nan")),
    "steps": at(*MOMENTS, "step", put=lambda old: old - 99),
    "no squares": without(*MOMENTS, "exp_avg_sq"),
    "two schedulers": at("lr_schedulers", put=lambda old: old * 2),
    "steps of a schedule": at(*SCHEDULER, "last_epoch", put="many"),
    "steps beyond all": at(*SCHEDULER, "last_epoch", put=10**400),
    "rates of a schedule": at(*SCHEDULER, "base_lrs", put=[0.1]),
    "no rates": at(*SCHEDULER, "_last_lr", put=[]),
    "a method of a schedule": at(*SCHEDULER, put=lambda old: {**old, "step": 5}),
    "no fit loop": without(*LOOP),
    "no progress": without(*EPOCH),
    "progress of a number": at(*EPOCH, put=5),
    "half of a progress": without(*EPOCH, "current"),
    "negative epochs": at(*EPOCH, "current", "processed", put=-1),
    "epochs of a float": at(*EPOCH, "current", "processed", put=1.0),
    "epochs beyond all": at(*EPOCH, "current", "completed", put=10**30),
    "a method of a progress": at(*EPOCH, put=lambda old: {**old, "reset": 5}),
    "the loop's own": at(*LOOP, "epoch_loop.state_dict", put=5),
    "steps of the loop": at(*LOOP, "epoch_loop.state_dict", "_batches_that_stepped", put="x"),
    "report": at("callbacks", "Report", put={"metrics": {"a": "b"}}),
    "report without metrics": at("callbacks", "Report", put={"x": 1}),
    "previous step": at(*PREVIOUS, "previous_step", put=-1),
    "previous agent": at(*PREVIOUS, "previous_weights", put=[]),
    "previous agent of another shape": at(
        *PREVIOUS, "previous_weights", put=lambda old: {name: w[:1] for name, w in old.items()}
    ),
    "previous agent of whole numbers": at(
        *PREVIOUS, "previous_weights", put=lambda old: {name: w.int() for name, w in old.items()}
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_state_that_does_not_fit_is_refused(
    run: Path, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    CHANGES[kind](state)
    shutil.copytree(run, tmp_path / "run")
    last = tmp_path / "run" / "last.ckpt"
    IO.save_checkpoint(state, last)
    before = {path: path.read_bytes() for path in last.parent.iterdir()}
    monkeypatch.setattr(SelfPlay, "play", None)  # nothing is played before
    assert len(error_of(lambda: fit(last.parent, 2, last))) < 400
    assert {path: path.read_bytes() for path in last.parent.iterdir()} == before


def test_what_fits_goes_on(run: Path, state: State, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    last = tmp_path / "run" / "last.ckpt"
    older = copy.deepcopy(state)
    del older["optimizer_states"][0]["param_groups"][0]["foreach"]  # which earlier versions of torch lack
    older["lr_schedulers"][0].pop("_is_initial", None)
    for key in (VERSION_KEY, "metrics", "fingerprint"):  # which earlier versions of the package lack
        del older[key]
    IO.save_checkpoint(older, last)
    assert fit(last.parent, 2, last).current_epoch == 2
    fit(tmp_path / "straight", 2)
    for part in ("state_dict", "optimizer_states"):
        straight = load_checkpoint(tmp_path / "straight" / "last.ckpt")
        assert_equal(load_checkpoint(last)[part], straight[part])


def test_a_run_of_an_older_version_goes_on(run: Path, state: State, tmp_path: Path) -> None:
    """Its value was the tanh of one output, in the opponent of its evaluation, too, and it had no patterns."""
    shutil.copytree(run, tmp_path / "run")
    last = tmp_path / "run" / "last.ckpt"
    IO.save_checkpoint(of_version_2(state), last)
    trainer = fit(last.parent, 2, last)
    assert trainer.current_epoch == 2
    (optimizer,) = trainer.optimizers
    steps = {
        len(weight): int(optimizer.state[weight]["step"])
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    assert steps.pop(3) == STEPS_PER_EPOCH  # the head's moments begin anew
    assert steps.pop(NUM_PATTERNS) == STEPS_PER_EPOCH
    assert set(steps.values()) == {2 * STEPS_PER_EPOCH}
    assert load_checkpoint(last)[VERSION_KEY] == VERSION


COMMAND = [
    "fit",
    "-c",
    "tiny.yaml",
    "--trainer.callbacks+=EarlyStopping",
    "--trainer.callbacks.monitor=train/loss",
]


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the command trained for an epoch. Leave it as it is."""
    folder = tmp_path_factory.mktemp("commanded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("tiny.yaml").write_text(config_text(2, 2, 2, 2, 2))
        assert main([*COMMAND, "--trainer.max_epochs", "1"]) == 0
    return folder


@pytest.mark.parametrize(
    "kind", ["weights only", "negative epochs", "a rate", "moments of another shape", "early"]
)
def test_the_command_says_it_in_one_line(
    commanded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    """The last kind is a state that another library's callback refuses, with an error of its own."""
    shutil.copytree(commanded, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    last = Path("logs/run/checkpoints/last.ckpt")
    state = load_checkpoint(last)
    early = next(key for key in state["callbacks"] if key.startswith(EarlyStopping.__name__))
    {**CHANGES, "early": at("callbacks", early, put={"x": 1})}[kind](state)
    IO.save_checkpoint(state, last)
    before = {path: path.read_bytes() for path in last.parent.iterdir()}
    monkeypatch.setattr(SelfPlay, "play", None)
    assert main([*COMMAND, "--ckpt_path", "last"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("pylos: resuming")]
    assert len(errors) == 1
    assert errors[0].startswith("pylos: error: ")
    assert {path: path.read_bytes() for path in last.parent.iterdir()} == before


def test_what_is_complete():
    check_complete(dict.fromkeys(NEEDED), "x.ckpt")
    with pytest.raises(CheckpointError, match=r"x\.ckpt.* lacks loops;"):
        check_complete(dict.fromkeys(set(NEEDED) - {"loops"}), "x.ckpt")


@pytest.mark.parametrize(
    ("then", "now", "advice"),
    [
        ({"root": "gumbel"}, {"root": "puct"}, "data.root gumbel (not puct)"),
        ({"root": "puct"}, {"root": "gumbel"}, "data.root puct (not gumbel)"),
        ({"root": "puct", "simulations": 16}, {"root": "puct"}, "data.simulations 16 (not 4)"),
        ({"root": "gumbel", "simulations": 16}, {"root": "gumbel"}, None),
        (
            {"root": "puct", "simulations": 16, "parallel_games": 9},
            {"root": "gumbel"},
            "data.parallel_games 9 (not 8) and data.root puct (not gumbel)",
        ),
        ({"batch_size": 1}, {}, None),
    ],
)
def test_the_options_that_the_games_need_are_named(then, now, advice):
    ours = tiny_data(**now)
    checkpoint = {"datamodule_hyper_parameters": {**ours.hparams, **then}}
    if advice is None:
        check_games(checkpoint, ours, "x.ckpt")
    else:
        with pytest.raises(ConfigurationError) as caught:
            check_games(checkpoint, ours, "x.ckpt")
        assert str(caught.value) == f"the games in x.ckpt can only go on with {advice}"
