"""How long the parts of an epoch take: all of its time, once."""

from __future__ import annotations

import time
from pathlib import Path

import lightning.pytorch as pl
import pytest

from callbacks import PlainReport
from pylos.training import epoch_clock
from pylos.training.epoch_clock import EVALUATION, OTHER, SELFPLAY, TRAINING, EpochClock
from tests.support.reporting import Sink, Tiny
from tests.support.training import tiny_data, tiny_evaluation, tiny_module, tiny_trainer

PARTS = (SELFPLAY, TRAINING, EVALUATION, OTHER)


def test_every_moment_counts_for_one_part(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(epoch_clock.time, "perf_counter", lambda: now[0])
    clock = EpochClock()
    for seconds in (1, 10):
        for part in (OTHER, SELFPLAY, TRAINING):
            now[0] += seconds * PARTS.index(part) + seconds
            clock.end_part(part)
        now[0] += 3 * seconds
        assert clock.end_epoch() == {
            "time/selfplay_seconds": seconds,
            "time/training_seconds": 2 * seconds,
            "time/evaluation_seconds": 3 * seconds,
            "time/other_seconds": 4 * seconds,
        }
        assert clock.end_epoch() == {}


@pytest.mark.parametrize("report", [(), (PlainReport,)])
def test_the_parts_of_all_epochs_are_the_time_of_the_fit(tmp_path: Path, capsys, report):
    sink, start = Sink(), time.perf_counter()

    class Slow(pl.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            time.sleep(0.2)

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            time.sleep(0.1 * (batch_idx == 0))

        def on_save_checkpoint(self, trainer, pl_module, checkpoint):
            time.sleep(0.3)

    callbacks = (*(kind() for kind in report), tiny_evaluation(), Slow())
    tiny_trainer(tmp_path, 3, callbacks, logger=sink).fit(tiny_module(), datamodule=tiny_data())
    whole = time.perf_counter() - start
    seconds = {part: sink.values(f"time/{part}_seconds") for part in PARTS}
    assert [step for step, _ in seconds[TRAINING]] == [4, 8, 12]
    assert sum(value for values in seconds.values() for _, value in values) < whole
    assert all(value > 0 for _, value in seconds[SELFPLAY])
    assert all(value >= 0.1 for _, value in seconds[TRAINING])
    assert all(value >= 0.2 for _, value in seconds[EVALUATION])
    assert all(value >= 0.3 for _, value in seconds[OTHER][1:])  # after the epoch before
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 3 * len(report)
    assert all(" s: play " in line for line in lines)


def test_the_times_of_a_resumed_run_are_its_own(tmp_path: Path):
    tiny_trainer(tmp_path, 1).fit(tiny_module(), datamodule=tiny_data())
    sink = Sink()
    trainer = tiny_trainer(tmp_path, 2, logger=sink)
    trainer.fit(tiny_module(), datamodule=tiny_data(), ckpt_path=tmp_path / "last.ckpt")
    assert [step for step, _ in sink.values("time/selfplay_seconds")] == [8]


def test_modules_without_self_play_have_none(tmp_path: Path):
    trainer = tiny_trainer(tmp_path, 1, (PlainReport(),))
    trainer.fit(Tiny())
    assert not any(name.startswith("time/") for name in trainer.callback_metrics)
