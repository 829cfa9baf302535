from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest

from callbacks import BlunderRate
from pylos.solution.blunders import blunder_metrics, count_blunders
from pylos.solution.tablebase import Tablebase
from tests.support.reporting import Tiny
from tests.support.training import tiny_data, tiny_module, tiny_trainer

RULES = "mini-standard"


class Counts(pl.Callback):
    """Counts blunders in the samples that an epoch has added, and keeps the rates that were logged."""

    def __init__(self) -> None:
        self.added = 0
        self.counts: list[np.ndarray] = []
        self.logged: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer, pl_module):
        buffer = trainer.datamodule.buffer
        samples = buffer.samples._make(column[self.added : buffer.added] for column in buffer.samples)
        self.added = buffer.added
        columns = samples.positions, samples.outcomes, samples.games, samples.plies
        self.counts.append(count_blunders(Tablebase(RULES), *columns))
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.logged.append({n: v for n, v in metrics.items() if n.startswith("selfplay/blunder_rate")})


def test_the_games_of_each_epoch_are_counted_and_no_others(solved: Path, tmp_path: Path):
    counts = Counts()
    trainer = tiny_trainer(tmp_path, 2, callbacks=(BlunderRate(), counts))
    trainer.fit(tiny_module(rules=RULES), datamodule=tiny_data())
    assert counts.counts[0].tolist() != counts.counts[1].tolist()
    for found, logged in zip(counts.counts, counts.logged, strict=True):
        rates = {name: rate for name, rate in blunder_metrics(found).items() if rate is not None}
        assert logged == pytest.approx(rates)
        assert 0 < logged["selfplay/blunder_rate"] < 1


def test_the_rates_are_those_of_the_sum_over_all_ranks(solved: Path, tmp_path: Path, monkeypatch):
    counts, other_rank = Counts(), np.full((7, 2), 1000)
    monkeypatch.setattr("callbacks.blunders.sum_over_ranks", lambda trainer, found: found + other_rank)
    trainer = tiny_trainer(tmp_path, 1, callbacks=(BlunderRate(), counts))
    trainer.fit(tiny_module(rules=RULES), datamodule=tiny_data())
    assert counts.logged[0] == pytest.approx(blunder_metrics(counts.counts[0] + other_rank))


def test_without_a_solution_or_with_other_data_it_does_nothing(
    unsolved: Path, solved_folder: Path, tmp_path: Path, monkeypatch
):
    trainer = tiny_trainer(tmp_path / "unsolved", 1, callbacks=(BlunderRate(),))
    trainer.fit(tiny_module(rules=RULES), datamodule=tiny_data())
    assert not [name for name in trainer.callback_metrics if "blunder" in name]
    monkeypatch.setenv("PYLOS_HOME", str(solved_folder))
    trainer = tiny_trainer(tmp_path / "other", 1, callbacks=(BlunderRate(),))
    trainer.fit(Tiny(RULES))
    assert not [name for name in trainer.callback_metrics if "blunder" in name]
