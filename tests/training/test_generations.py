"""Games that a trainer's module plays: how many, in which precision, with which threads, and until when."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pylos.kernels.randomness import derive_key
from pylos.selfplay.play import SelfPlayStats
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.training.generations import Games, Generations
from tests.support.cuda_simulator import simulated
from tests.support.device_fits import fit_in_parts
from tests.support.training import tiny_data, tiny_module, tiny_trainer


def test_measured_precision_is_kept_by_the_checkpoint(tmp_path: Path):
    data = tiny_data(inference_precision="auto")
    tiny_trainer(tmp_path, max_epochs=1).fit(tiny_module(), datamodule=data)
    kept = data.state_dict()["ranks"][0]["precision"]
    assert kept in ("float32", "bfloat16")
    other = "bfloat16" if kept == "float32" else "float32"
    state = {"ranks": [{**data.state_dict()["ranks"][0], "precision": other}]}
    resumed = tiny_data(inference_precision="auto")
    resumed.load_state_dict(state)
    assert resumed.state_dict()["ranks"][0]["precision"] == other  # not measured again
    forced = tiny_data(inference_precision=kept)
    forced.load_state_dict(state)
    assert forced.state_dict()["ranks"][0]["precision"] == kept


def test_self_play_has_as_many_threads_as_asked_for_and_the_rank_of_the_process(tmp_path: Path, monkeypatch):
    made = []

    class Spy(Games):
        def __init__(self, *args, rank, threads, **options):
            made.append((rank, threads))
            super().__init__(*args, rank=rank, threads=threads, **options)

    monkeypatch.setattr("pylos.training.generations.Games", Spy)
    for threads, expected in ((3, 3), (0, torch.get_num_threads())):
        trainer = tiny_trainer(tmp_path, max_epochs=1)
        trainer.fit(tiny_module(), datamodule=tiny_data(search_threads=threads))
        assert made.pop() == (0, expected)


def test_sigterm_ends_self_play_where_lightning_only_takes_note_of_it(tmp_path: Path):
    trainer = tiny_trainer(tmp_path)
    done = threading.Event()

    def knock() -> None:
        while not done.wait(0.2):  # once Lightning listens, it hears it
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    threading.Thread(target=knock, daemon=True).start()
    try:
        with pytest.raises(SystemExit):
            trainer.fit(tiny_module(), datamodule=tiny_data(games_per_epoch=10**6))
    finally:
        done.set()
        signal.signal(signal.SIGTERM, before)
    assert trainer.received_sigterm


def generations(**changes) -> Generations:
    return Generations(dict(tiny_data(**changes).hparams))


def test_a_draw_is_worth_to_the_search_what_it_is_worth_to_the_game():
    assert generations().search_options.draw_value == 0
    assert generations(repetition_draw_value=-0.25).search_options.draw_value == -0.25


def test_games_of_all_ranks_are_logged_as_means_over_them():
    played = generations()
    buffer = ReplayBuffer(100, 2)
    buffer.added = 25
    assert played.metrics(2, buffer) == {}
    played.stats = SelfPlayStats(
        games=10,
        plies=300,
        first_player_score=0.25,
        draw_rate=0.1,
        positions=400,
        seconds=8.0,
        searching=6.0,
        waiting=2.0,
    )
    assert played.metrics(2, buffer) == {
        "selfplay/games": 20,
        "selfplay/game_length": 30,
        "selfplay/first_player_score": 0.25,
        "selfplay/draw_rate": 0.1,
        "selfplay/buffer_fill": 0.25,
        "time/network_share": 1.0,
        "time/search_share": 0.75,
        "time/positions_per_second": 100.0,
        "time/simulations_per_second": 400.0,
    }


def test_every_rank_and_every_purpose_has_games_of_its_own(monkeypatch):
    made = []
    monkeypatch.setattr("pylos.training.generations.Games", lambda *args, **options: made.append(options))
    for rank, purpose in ((0, "selfplay"), (3, "selfplay"), (3, "test")):
        trainer: Any = SimpleNamespace(global_rank=rank, lightning_module=tiny_module())
        generations(seed=5).begin(trainer, purpose, 8)
    assert [options["rank"] for options in made] == [0, 3, 3]
    keys = [options["key"] for options in made]
    assert keys == [derive_key(5, "selfplay"), derive_key(5, "selfplay"), derive_key(5, "test")]


def test_what_the_cache_saves_is_logged(tmp_path: Path):
    data = tiny_data()
    tiny_trainer(tmp_path, fast_dev_run=True).fit(tiny_module(), datamodule=data)
    assert 0 < data.metrics()["time/network_share"] < 1


def test_a_device_searches_two_halves_of_the_games_and_a_fit_on_it_goes_on_exactly(tmp_path: Path):
    straight = simulated(fit_in_parts, str(tmp_path / "straight"), [2])
    resumed = simulated(fit_in_parts, str(tmp_path / "resumed"), [1, 2])
    assert straight["searches"] == [("DeviceSearch", 2), ("DeviceSearch", 1)]
    assert resumed["searches"] == 2 * straight["searches"]
    assert resumed["states"] == straight["states"]
    assert {"time/host_wait_share", "time/search_share"} < {*straight["metrics"]}


@pytest.mark.gpu
def test_a_fit_on_a_real_device_goes_on_exactly(tmp_path: Path):
    options: Any = {"games": 200, "accelerator": "gpu", "devices": 1, "deterministic": "warn"}
    straight = fit_in_parts(str(tmp_path / "straight"), [3], **options)
    resumed = fit_in_parts(str(tmp_path / "resumed"), [1, 3], **options)
    assert straight["searches"] == [("DeviceSearch", 100)] * 2
    assert resumed["states"] == straight["states"]


class OnCuda:
    """A module that pretends to be on a CUDA device."""

    rules, schedule_progress, device = "standard", 0.0, torch.device("cuda")
    network = "the network"


def cuda_trainer() -> Any:
    strategy = SimpleNamespace(broadcast=lambda value: value)
    return SimpleNamespace(
        global_rank=0,
        is_global_zero=True,
        lightning_module=OnCuda(),
        strategy=strategy,
        world_size=1,
        progress_bar_callback=None,
    )


class Unplayed:
    """Games that are not played."""

    kept = None

    def __init__(self, *args: Any, on_device: bool, **options: Any) -> None:
        self.on_device = on_device

    def play(self, games: int, evaluate: Any, *args: Any) -> Any:
        return evaluate


@pytest.fixture
def evaluators(monkeypatch) -> list[Any]:
    """The evaluators that are made, and the searches that are not."""
    made: list[Any] = []

    class Evaluator:
        network_share = 1.0

        def __init__(self, network, code, device, precision):
            self.network, self.precision, self.loaded = network, precision, 0
            made.append(self)

        def load(self, network):
            assert network == self.network
            self.loaded += 1

        def cached(self, size):
            return self

    monkeypatch.setattr("pylos.training.generations.NetworkEvaluator", Evaluator)
    monkeypatch.setattr("pylos.training.generations.make_searches", lambda *arguments: [])
    monkeypatch.setattr("pylos.training.generations.Games", Unplayed)
    return made


@pytest.mark.parametrize("missing", [None, "numba-cuda is not installed: pip install 'pylos[gpu]'"])
def test_the_evaluator_of_a_device_is_kept_and_loaded(monkeypatch, evaluators, missing):
    monkeypatch.setattr("pylos.training.generations.device_search_missing", lambda *arguments: missing)
    played, trainer = generations(), cuda_trainer()
    for fit in range(2):
        if missing:
            with pytest.warns(UserWarning, match="the host searches for cuda: numba-cuda is not installed"):
                selfplay = played.begin(trainer, "selfplay", 8)
        else:
            selfplay = played.begin(trainer, "selfplay", 8)
        for _ in range(3):
            played.play(trainer, selfplay, 8, ReplayBuffer(100, 2), "self-play")
            assert played._on_device == (missing is None)
        assert len(evaluators) == (3 if missing else 1) * (fit + 1)
    assert [evaluator.loaded for evaluator in evaluators] == ([0] * 6 if missing else [2, 2])


def test_games_of_a_test_leave_those_of_the_fit_their_evaluator(monkeypatch, evaluators):
    monkeypatch.setattr("pylos.training.generations.device_search_missing", lambda *arguments: None)
    played, trainer, buffer = generations(), cuda_trainer(), ReplayBuffer(100, 2)
    fit = played.begin(trainer, "selfplay", 8)
    played.play(trainer, fit, 8, buffer, "self-play")
    test = played.begin(trainer, "test", 8)
    played.play(trainer, test, 8, buffer, "test games")
    played.play(trainer, fit, 8, buffer, "self-play")
    assert [evaluator.loaded for evaluator in evaluators] == [1, 0]
    assert [fit.kept, test.kept] == evaluators


@pytest.mark.parametrize(("capability", "precision"), [((9, 0), "bfloat16"), ((7, 5), "float32")])
def test_a_device_that_searches_takes_bfloat16_if_it_has_it(monkeypatch, evaluators, capability, precision):
    monkeypatch.setattr("pylos.training.generations.device_search_missing", lambda *arguments: None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    for asked, expected in (("auto", precision), ("float32", "float32"), ("bfloat16", "bfloat16")):
        played, trainer = generations(inference_precision=asked), cuda_trainer()
        selfplay = played.begin(trainer, "selfplay", 8)
        played.play(trainer, selfplay, 8, ReplayBuffer(100, 2), "self-play")
        assert evaluators[-1].precision == played.precision == expected


def test_the_wait_for_a_device_is_logged_where_there_is_one():
    played, buffer = generations(), ReplayBuffer(100, 2)
    played.stats = SelfPlayStats(1, 30, 0.25, 0.1, 400, seconds=8.0, searching=6.0, waiting=2.0)
    assert "time/host_wait_share" not in played.metrics(1, buffer)
    played._on_device = True
    assert played.metrics(1, buffer)["time/host_wait_share"] == 0.25
