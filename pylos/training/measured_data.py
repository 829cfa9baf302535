"""What a data module serves to `validate`, `test` and `predict`: solved positions, fresh games, boards of the user."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from pylos.errors import ConfigurationError
from pylos.game.board import Board
from pylos.game.rules import rules_code
from pylos.kernels.randomness import derive_key
from pylos.selfplay.batches import EpochBatches
from pylos.selfplay.replay_buffer import ReplayBuffer
from pylos.training.generations import Generations, agent
from pylos.training.prediction import read_boards, single_batch
from pylos.truth.batches import SuiteBatches, share_of_suite
from pylos.truth.suite import load_suite


class MeasuredData(pl.LightningDataModule):
    """The part of `SelfPlayDataModule` that serves what measures an agent."""

    _generations: Generations

    def val_dataloader(self) -> SuiteBatches | list[Any]:
        """The suite of the module's rules: all of it for `validate`, the same part of it in every epoch of a fit.

        If the rules have no suite, a fit goes without validation.

        Raises:
            ConfigurationError: `validate` finds no suite of the rules.
        """
        trainer, rules = self._attached_trainer, agent(self._attached_trainer).rules
        fitting, suite = trainer.state.fn == "fit", load_suite(rules)
        if suite is None:
            if fitting:
                return []
            raise ConfigurationError(f"no suite of solved positions ships for the {rules} rules")
        most = self.hparams["validation_positions"] if fitting else len(suite)
        return SuiteBatches(suite, share_of_suite(suite, most, trainer.global_rank, trainer.world_size))

    def test_dataloader(self) -> EpochBatches:
        """Batches from fresh games of the network against itself."""
        games = self.hparams["test_games"]
        # Every game's samples fit, so each batch is drawn from whole games.
        capacity, width = 2 * games * self.hparams["max_moves"], self._generations.search_options.width
        buffer = ReplayBuffer(capacity, width, f"lower test_games ({games:,}) or max_moves")
        # Without forks, which are short: these would be finished first, and count in place of whole games.
        selfplay = self._generations.begin(self._attached_trainer, "test", games, forks=False)
        self._generations.play(self._attached_trainer, selfplay, games, buffer, "test games")
        return self._batches(buffer, -(-len(buffer) // self.hparams["batch_size"]), "test", 0)

    def predict_dataloader(self) -> DataLoader[list[Board]]:
        """The boards to judge, as one batch."""
        rules, path = agent(self._attached_trainer).rules, self.hparams["positions"]
        return single_batch([Board(rules)] if path is None else read_boards(path, rules))

    @property
    def _attached_trainer(self) -> pl.Trainer:
        if self.trainer is None:
            raise ConfigurationError(
                "SelfPlayDataModule works through a Trainer: its network plays the games"
            )
        return self.trainer

    def _batches(
        self,
        buffer: ReplayBuffer,
        batches: int,
        purpose: str,
        epoch: int,
        surprise_weight: float = 0.0,
        value_mix: float = 0.0,
    ) -> EpochBatches:
        key = derive_key(self.hparams["seed"], purpose, epoch, self._attached_trainer.global_rank)
        size, module = self.hparams["batch_size"], agent(self._attached_trainer)
        code = rules_code(module.rules)
        return EpochBatches(buffer, batches, size, code, key, surprise_weight, value_mix, module.device)
