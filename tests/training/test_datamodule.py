"""The data module: what it plays, serves, saves and refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel

import pylos.selfplay.play
from pylos.errors import ConfigurationError
from pylos.kernels.randomness import derive_key
from pylos.runs.selfplay_state import UNFINISHED
from pylos.selfplay.batches import EpochBatches
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.generations import Generations
from tests.support.training import STEPS_PER_EPOCH, assert_equal, tiny_data, tiny_module, tiny_trainer


class Watch(pl.Callback):
    """Notes how many samples there are, and in which mode the network is, at the start of every epoch."""

    def __init__(self) -> None:
        self.added: list[int] = []
        self.training: list[bool] = []

    def on_train_epoch_start(self, trainer, pl_module):
        self.added.append(trainer.datamodule.buffer.added)
        self.training.append(pl_module.network.training)


def test_buffer_is_refilled_once_per_epoch_and_training_mode_survives(tmp_path: Path):
    watch = Watch()
    trainer = tiny_trainer(tmp_path, max_epochs=3, callbacks=(watch,))
    trainer.fit(tiny_module(), datamodule=tiny_data())
    assert len(watch.added) == 3
    assert 0 < watch.added[0] < watch.added[1] < watch.added[2]
    assert watch.training == [True] * 3
    assert trainer.global_step == 3 * STEPS_PER_EPOCH


def test_self_play_uses_the_newest_weights(tmp_path: Path):
    """Two runs that differ in the learning rate alone share the first self-play and no later one."""

    def buffers(learning_rate: float) -> list[torch.Tensor]:
        kept: list[torch.Tensor] = []

        class Keep(pl.Callback):
            def on_train_epoch_start(self, trainer, pl_module):
                kept.append(trainer.datamodule.buffer.state_dict()["weights"].clone())

        trainer = tiny_trainer(tmp_path / str(learning_rate), callbacks=(Keep(),))
        trainer.fit(tiny_module(learning_rate=learning_rate), datamodule=tiny_data())
        return kept

    slow, fast = buffers(2e-5), buffers(5e-2)
    assert torch.equal(slow[0], fast[0])
    assert slow[1].shape != fast[1].shape or not torch.equal(slow[1], fast[1])


def test_targets_mix_in_more_of_what_the_search_found_as_the_learning_rate_falls(tmp_path: Path):
    """With searches that all came out at 9, the largest target tells how much of that is mixed in."""
    largest: list[float] = []

    class Look(pl.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            trainer.datamodule.buffer.samples.values[:] = 9.0

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            largest.append(float(batch.outcomes.max()))

    trainer = tiny_trainer(tmp_path, max_epochs=4, callbacks=(Look(),))
    trainer.fit(tiny_module(schedule_steps=2 * STEPS_PER_EPOCH), datamodule=tiny_data(value_mix=0.5))
    last_of_epoch = largest[STEPS_PER_EPOCH - 1 :: STEPS_PER_EPOCH]
    mixes = [0.0, 0.25, 0.5, 0.5]
    assert last_of_epoch == pytest.approx([1 - mix + 9 * mix for mix in mixes])


def test_checkpoint_holds_buffer_and_games_in_flight(tmp_path: Path):
    data = tiny_data()
    tiny_trainer(tmp_path).fit(tiny_module(), datamodule=data)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["SelfPlayDataModule"]["ranks"][0]
    assert state["epochs_filled"] == 2
    assert torch.equal(
        state["buffer"]["positions"], torch.from_numpy(data.buffer.samples.positions[: len(data.buffer)])
    )
    assert state["games"]["ply"].shape == (8,)
    assert state["games"]["ply"].sum() > 0  # games that had not ended


@pytest.mark.parametrize(
    "changes",
    [
        {"games_per_epoch": 0},
        {"batch_size": 0},
        {"validation_positions": 0},
        {"test_games": 0},
        {"parallel_games": 0},
        {"simulations": 0},
        {"c_puct": 0.0},
        {"dirichlet_fraction": 1.5},
        {"repetition_limit": 1},
        {"move_limit_draw_value": -2.0},
        {"buffer_size": 0},
        {"inference_precision": "int8"},
        {"surprise_weight": 1.5},
        {"value_mix": -0.1},
        {"cache_size": -1},
        {"search_threads": -1},
        {"opening_plies": -1},
        {"root": "ucb"},
        {"dirichlet_alpha": math.inf},  # the draw of the noise would not end
        {"dirichlet_alpha": math.nan},
        {"gumbel_scale": math.nan},
        {"c_puct": math.nan},
        {"fpu_reduction": math.inf},
        {"repetition_draw_value": math.nan},
        {"value_mix": math.nan},
        {"surprise_weight": "0.5"},
        {"games_per_epoch": 1.5},
        {"batch_size": True},
        {"simulations": 64.0},
        {"max_moves": 10**30},
        {"seed": 2**63},
        {"seed": None},
        {"inference_precision": ["float32"]},
        {"positions": 3},
    ],
)
def test_bad_options_are_refused(changes):
    with pytest.raises(ConfigurationError, match=next(iter(changes))):
        tiny_data(**changes)


def test_needs_a_trainer_and_an_agent(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="Trainer"):
        SelfPlayDataModule().train_dataloader()
    with pytest.raises(ConfigurationError, match="rules"):
        tiny_trainer(tmp_path).fit(BoringModel(), datamodule=tiny_data())


def test_every_fit_of_its_own_plays_its_own_games(tmp_path: Path):
    data = tiny_data()
    tiny_trainer(tmp_path, fast_dev_run=True).fit(tiny_module(), datamodule=data)
    for rules in ("standard", "mature"):
        watch = Watch()
        trainer = tiny_trainer(tmp_path / rules, max_epochs=2, callbacks=(watch,))
        trainer.fit(tiny_module(rules=rules), datamodule=data)
        fresh, first = tiny_data(), Watch()
        tiny_trainer(tmp_path / f"{rules}-fresh", max_epochs=2, callbacks=(first,)).fit(
            tiny_module(rules=rules), datamodule=fresh
        )
        assert watch.added == first.added
    trainer.fit_loop.max_epochs = 3  # the same trainer goes on, and so do buffer and games
    trainer.fit(trainer.lightning_module, datamodule=data)
    assert len(watch.added) == 3
    assert watch.added[2] > watch.added[1]


def test_an_empty_buffer_is_not_trained_on(tmp_path: Path):
    class Renamed(SelfPlayDataModule):
        """Lightning finds a data module's state by the name of its class."""

    tiny_trainer(tmp_path, max_epochs=1).fit(tiny_module(), datamodule=tiny_data())
    settings = dict(tiny_data().hparams)
    trainer = tiny_trainer(tmp_path, max_epochs=2)
    data = Renamed(**settings)
    trainer.fit(tiny_module(), datamodule=data, ckpt_path=tmp_path / "last.ckpt")
    assert data.buffer.added > 0


def test_numbers_of_numpy_and_torch_as_options_change_nothing_and_do_not_spoil_checkpoints(tmp_path: Path):
    def state(kind, real) -> dict[str, Any]:
        folder, module = (
            tmp_path / kind.__name__,
            tiny_module(learning_rate=real(1e-3), schedule_steps=kind(16)),
        )
        data = tiny_data(seed=kind(1), batch_size=kind(16), simulations=kind(4), c_puct=real(1.5))
        tiny_trainer(folder, max_epochs=1).fit(module, datamodule=data)
        kept: dict[str, Any] = torch.load(folder / "last.ckpt", weights_only=True)
        return kept

    plain = state(int, float)
    assert plain["hyper_parameters"]["learning_rate"] == 1e-3
    for kind, real in (
        (np.int64, np.float64),
        (torch.tensor, lambda x: torch.tensor(x, dtype=torch.float64)),
    ):
        other = state(kind, real)
        for part in ("state_dict", "SelfPlayDataModule", "hyper_parameters"):
            assert_equal(other[part], plain[part], part)


@pytest.mark.parametrize("name", ["parallel_games", "batch_size", "cache_size", "test_games"])
def test_options_that_no_memory_can_serve_are_named(tmp_path: Path, name: str):
    trainer, data = tiny_trainer(tmp_path), tiny_data(**{name: 10**9})
    with pytest.raises(ConfigurationError, match=rf"GB.*lower {name} \(1,000,000,000\)"):
        (trainer.test if name == "test_games" else trainer.fit)(tiny_module(), datamodule=data)


def test_a_fit_after_an_interrupted_first_epoch_starts_with_nothing(tmp_path: Path, monkeypatch):
    def weights(data: SelfPlayDataModule) -> torch.Tensor:
        module = tiny_module()
        tiny_trainer(tmp_path, max_epochs=1).fit(module, datamodule=data)
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    expected = weights(tiny_data())
    data = tiny_data()
    play, interruptions = pylos.selfplay.play.SelfPlay._play_ply, []

    def interrupted(self, *arguments):
        play(self, *arguments)
        if len(data.buffer) and not interruptions:
            interruptions.append(self)
            raise ZeroDivisionError

    monkeypatch.setattr(pylos.selfplay.play.SelfPlay, "_play_ply", interrupted)
    with pytest.raises(ZeroDivisionError):
        weights(data)
    assert data.state_dict()["ranks"][0]["epochs_filled"] == UNFINISHED
    assert torch.equal(weights(data), expected)


def test_every_epoch_and_purpose_has_draws_of_its_own(tmp_path: Path, monkeypatch):
    keys = []

    class Spy(EpochBatches):
        def __init__(self, *arguments):
            keys.append(arguments[4])
            super().__init__(*arguments)

    monkeypatch.setattr("pylos.training.measured_data.EpochBatches", Spy)
    begin, games = Generations.begin, []

    def spy(self, trainer, purpose, *arguments, **options):
        games.append(purpose)
        return begin(self, trainer, purpose, *arguments, **options)

    monkeypatch.setattr(Generations, "begin", spy)
    data, module = tiny_data(seed=7), tiny_module()
    tiny_trainer(tmp_path).fit(module, datamodule=data)
    tiny_trainer(tmp_path).test(module, datamodule=data, verbose=False)
    names = [("train", 0), ("train", 1), ("test", 0)]
    assert list(dict.fromkeys(keys)) == [derive_key(7, purpose, epoch, 0) for purpose, epoch in names]
    assert games == ["selfplay", "test"]


def test_a_smaller_buffer_keeps_the_newest_samples_and_says_so(tmp_path: Path):
    data = tiny_data()
    tiny_trainer(tmp_path, 1).fit(tiny_module(), datamodule=data)
    lost = len(data.buffer) - 20
    smaller = tiny_data(buffer_size=20)
    with pytest.warns(UserWarning, match=f"buffer_size = 20 is less .* the oldest {lost} are dropped"):
        smaller.load_state_dict(data.state_dict())
    newest = data.buffer.samples.positions[len(data.buffer) - 20 : len(data.buffer)]
    assert sorted(smaller.buffer.samples.positions.tolist()) == sorted(newest.tolist())
