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
from pylos.selfplay.play import SelfPlay, SelfPlayStats
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.training.generations import Generations
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

    class Spy(SelfPlay):
        def __init__(self, *args, rank, threads, **options):
            made.append((rank, threads))
            super().__init__(*args, rank=rank, threads=threads, **options)

    monkeypatch.setattr("pylos.training.generations.SelfPlay", Spy)
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
    monkeypatch.setattr("pylos.training.generations.SelfPlay", lambda *args, **options: made.append(options))
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
