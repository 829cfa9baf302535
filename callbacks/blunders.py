"""The callback that compares the actions of self-play with the solution of the game."""

from __future__ import annotations

import lightning.pytorch as pl

from callbacks.sharing import sum_over_ranks
from callbacks.solution import table_of_run
from pylos.runs.lightning_internals import datamodule_of
from pylos.solution.blunders import blunder_metrics, count_blunders
from pylos.solution.tablebase import Tablebase
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.epoch_metrics import log_for_epoch


class BlunderRate(pl.Callback):
    """Logs how often self-play throws away a win or a draw, if the rules are solved when the training starts.

    After every epoch it looks at the games that were finished for that epoch. `selfplay/blunder_rate` is the share of
    blunders among the decisions that could have been one, `selfplay/blunder_rate_ply_00_09` and the like are the same
    for a part of the game. Without a solution it does nothing. Training never sees what it found.
    """

    def __init__(self) -> None:
        self._table: Tablebase | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Looks for the solution."""
        self._table = table_of_run(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Counts the blunders in the epoch's games, on every rank in its own, and logs the rates of all ranks."""
        datamodule = datamodule_of(trainer)
        if self._table is None or not isinstance(datamodule, SelfPlayDataModule) or datamodule.stats is None:
            return
        samples = datamodule.buffer.samples
        rows = datamodule.buffer.newest(datamodule.stats.plies)  # every ply of a finished game is a sample
        columns = (samples.positions, samples.outcomes, samples.games, samples.plies)
        counts = count_blunders(self._table, *(column[rows] for column in columns))
        log_for_epoch(pl_module, blunder_metrics(sum_over_ranks(trainer, counts)))
