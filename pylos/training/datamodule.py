"""The data module: plays games with the current network once per epoch and serves batches from the replay buffer."""

from __future__ import annotations

import os
from types import NoneType
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from pylos.errors import ConfigurationError
from pylos.network.checked_evaluator import CACHE_SIZE
from pylos.network.checkpoints import load_checkpoint
from pylos.runs.folder import is_trial
from pylos.runs.lightning_internals import ask_for_batches_again, checkpoint_in_restoration
from pylos.runs.renamed import renamed_class
from pylos.runs.selfplay_state import UNFINISHED, check_selfplay_state
from pylos.selfplay.batches import EpochBatches
from pylos.selfplay.options import SELFPLAY_SEARCH, GameOptions
from pylos.selfplay.play import SelfPlayStats
from pylos.selfplay.replay_buffer import Batch, ReplayBuffer
from pylos.system.options import (
    COUNT,
    COUNT_OR_ZERO,
    SEED,
    SHARE,
    Range,
    checked_options,
    own_arguments,
    shown,
)
from pylos.system.signals import begin_cell_interrupts, end_cell_interrupts
from pylos.training.epoch_clock import OTHER, SELFPLAY, EpochClock
from pylos.training.fits import Fits
from pylos.training.generations import Games, Generations, agent
from pylos.training.measured_data import MeasuredData
from pylos.training.ranks import States, state_of_rank
from pylos.training.trainer import has_steps_left, prepare_trainer

_RANGES = {
    "games_per_epoch": COUNT,
    "parallel_games": COUNT,
    "buffer_size": Range(int, 1, 10**15),  # what memory holds is checked as well
    "batch_size": COUNT,
    "batches_per_epoch": COUNT,
    "surprise_weight": SHARE,
    "value_mix": SHARE,
    "validation_positions": COUNT,
    "test_games": COUNT,
    "search_threads": Range(int, 0, 1024),
    "cache_size": COUNT_OR_ZERO,
    "seed": SEED,
}


class SelfPlayDataModule(MeasuredData):
    """Refills a replay buffer by self-play at the start of every epoch, then serves random batches from it.

    The network and the rules are those of the trainer's module. Games go on across epochs. The buffer and the games in
    flight are part of every checkpoint.

    Args:
        games_per_epoch: games to finish per epoch, on every rank: eight processes finish eight times as many in all.
        parallel_games: games played at the same time, on every rank. On a CUDA device they are searched in two halves.
        simulations: simulations per decision.
        root: how they choose at the root: "puct" by prior, value and Dirichlet noise, or "gumbel", which draws a few
            actions, halves them step by step, and trains on an improved policy instead of visits; or a name given to
            `pylos.register_root`.
        gumbel_scale: scale of the noise by which "gumbel" draws; "puct" does without.
        c_puct: weight of the prior against the value in the search.
        fpu_reduction: how much less than its parent an unvisited action is thought to be worth.
        dirichlet_alpha: concentration of the noise that "puct" adds to the root's prior.
        dirichlet_fraction: weight of that noise.
        opening_plies: the most uniformly random actions with which a game begins; their number is drawn, too. They lead
            to positions that neither player would choose. They are not searched and not trained on.
        forked_games: share of the games that begin from a sample of the replay buffer instead, after one random action.
            They say what becomes of mistakes, as searches look at them all the time, but games hardly ever. A game that
            finds no sample, or whose random action would end it, begins as others do.
        temperature_moves: plies after the opening whose action is drawn in proportion to the search's weights; later
            plies, and all of a game that was to be forked, take the action of the greatest weight.
        max_moves: plies after the opening after which a game is a draw.
        repetition_limit: how often a position must occur for a draw.
        move_limit_draw_value: what a draw by `max_moves` is worth to both players, in [-1, 1].
        repetition_draw_value: what a draw by repetition is worth to both players, in [-1, 1]; the search takes any
            position that occurs again for one.
        buffer_size: samples (positions) to keep for training, on every rank.
        batch_size: samples per batch, on every rank.
        batches_per_epoch: batches per epoch, each of which is an optimizer step.
        surprise_weight: how much batches prefer positions whose search differs from its prior, compared with the other
            games in flight: from 0 (not at all) to 1 (in proportion).
        value_mix: weight of the search's value against the game's outcome in the value's target at the end of the
            learning rate's schedule. It grows from 0 with the epochs, because the searches of a young network know
            little.
        validation_positions: positions of the suite on which every epoch of a fit measures, on all ranks together;
            `validate` takes all of them.
        test_games: games of the checkpoint against itself on which `test` measures.
        positions: a file with one position text a line for `predict`; the start position if not given.
        inference_precision: "float32", "bfloat16", or "auto" for the faster of them (measured at the start of a run and
            kept by its checkpoints). Where a CUDA device searches, "auto" is bfloat16 if the device has it; a network
            of your own that needs more takes "float32".
        search_threads: threads that search. 0 means as many as torch uses; beside an accelerator one for 128 games, and
            at most 8. Where a CUDA device searches, they play the actions that it found.
        cache_size: about how many positions self-play remembers the evaluation of within an epoch. The games are the
            same without. On a CPU only: beside an accelerator the look-up costs more than it saves.
        seed: names all random draws of self-play and batches.
    """

    def __init__(
        self,
        # How much is played.
        games_per_epoch: int = 512,
        parallel_games: int = 512,
        # The search.
        simulations: int = SELFPLAY_SEARCH.simulations,
        root: str = SELFPLAY_SEARCH.root,
        gumbel_scale: float = SELFPLAY_SEARCH.gumbel_scale,
        c_puct: float = SELFPLAY_SEARCH.c_puct,
        fpu_reduction: float = SELFPLAY_SEARCH.fpu_reduction,
        dirichlet_alpha: float = SELFPLAY_SEARCH.dirichlet_alpha,
        dirichlet_fraction: float = SELFPLAY_SEARCH.dirichlet_fraction,
        # The game.
        opening_plies: int = GameOptions.opening_plies,
        forked_games: float = GameOptions.forked_games,
        temperature_moves: int = GameOptions.temperature_moves,
        max_moves: int = GameOptions.max_moves,
        repetition_limit: int = GameOptions.repetition_limit,
        move_limit_draw_value: float = GameOptions.move_limit_draw_value,
        repetition_draw_value: float = GameOptions.repetition_draw_value,
        # The replay buffer and its batches.
        buffer_size: int = 200_000,
        batch_size: int = 512,
        batches_per_epoch: int = 100,
        surprise_weight: float = 0.5,
        value_mix: float = 0.0,
        # What is measured.
        validation_positions: int = 2000,
        test_games: int = 64,
        positions: str | None = None,
        # The machine, and chance.
        inference_precision: str = "auto",
        search_threads: int = 0,
        cache_size: int = CACHE_SIZE,
        seed: int = 0,
    ) -> None:
        own = own_arguments(locals())
        super().__init__()
        self.save_hyperparameters()
        self.hparams.update(checked_options({**self.hparams, **own}, _RANGES))
        if not isinstance(self.hparams["positions"], (str, NoneType)):
            raise ConfigurationError(f"positions must be a file, got {shown(self.hparams['positions'])}")
        self._generations = Generations(self.hparams)
        self._buffer = ReplayBuffer(self.hparams["buffer_size"], self._generations.search_options.width)
        self._selfplay: Games | None = None
        self._games_to_restore: dict[str, Any] | None = None
        """Games in flight of a checkpoint, until self-play takes them up."""
        self._states = States()
        self._epochs_filled = 0
        """The number of epochs whose games are in the buffer; `UNFINISHED` while games are played."""
        self._fits = Fits()
        self._clock = EpochClock()

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Loads a data module as Lightning does, after checking the file.

        Raises:
            CheckpointError: the file is missing, damaged or not ours.
        """
        if isinstance(checkpoint_path, str | os.PathLike):
            checkpoint = load_checkpoint(checkpoint_path, mmap=True)
            kwargs = {**renamed_class(checkpoint.get("datamodule_hyper_parameters", {})), **kwargs}
        return super().load_from_checkpoint(checkpoint_path, *args, **kwargs)

    @property
    def buffer(self) -> ReplayBuffer:
        """The replay buffer."""
        return self._buffer

    @property
    def stats(self) -> SelfPlayStats | None:
        """Statistics of the newest self-play."""
        return self._generations.stats

    def setup(self, stage: str) -> None:
        """Prepares the trainer for self-play, and drops what is left of another fit.

        After this, Lightning restores the state of a checkpoint.
        """
        begin_cell_interrupts()
        if stage == "fit":
            self._clock.begin()
            self._keep_or_drop()
            prepare_trainer(self._attached_trainer)

    def teardown(self, stage: str) -> None:
        """Gives the interrupt of a notebook's cell back."""
        end_cell_interrupts()

    def on_exception(self, exception: BaseException) -> None:
        """Tells who interrupted a cell how to go on."""
        end_cell_interrupts()
        self._fits.note_interrupt(self._attached_trainer, exception)

    def _keep_or_drop(self) -> None:
        """Drops the samples and games of the last fit, unless this one goes on where that one ended."""
        goes_on, was_trial = self._fits.begin(self._attached_trainer)
        if goes_on and self._epochs_filled <= self._data_epoch + 1:
            return
        if len(self._buffer) and not was_trial:
            rank_zero_warn(
                f"{len(self._buffer):,} samples of an earlier fit are dropped from the replay buffer: this one, with "
                "another Trainer or module, begins with none, or with those of its checkpoint"
            )
        self._generations.stats = None
        self._selfplay, self._games_to_restore = None, None
        self._buffer.clear()
        self._states = States()
        self._epochs_filled = 0

    @property
    def _data_epoch(self) -> int:
        """The epoch whose games and batches are in use; overfitting uses those of the first one in all epochs."""
        trainer: Any = self._attached_trainer
        return 0 if trainer.overfit_batches > 0 else int(trainer.current_epoch)

    def train_dataloader(self) -> EpochBatches:
        """Plays the epoch's games and returns its batches.

        It does not play if the games are there already, or if nothing will train on them. On a resume Lightning calls
        this twice, at first in an epoch that is over.
        """
        self._clock.end_part(OTHER)
        self._fits.check_interrupted(self._attached_trainer)
        epoch = self._data_epoch
        if self._epochs_filled <= epoch and has_steps_left(self._attached_trainer):
            self._refill(epoch)
        self._clock.end_part(SELFPLAY)
        trainer = self._attached_trainer
        # Overfitting keeps the targets of the first epoch, too.
        progress = 0.0 if epoch < trainer.current_epoch else agent(trainer).schedule_progress
        weights = self.hparams["surprise_weight"], self.hparams["value_mix"] * progress
        return self._batches(self._buffer, self.hparams["batches_per_epoch"], "train", epoch, *weights)

    def _refill(self, epoch: int) -> None:
        trainer = self._attached_trainer
        if self._selfplay is None:
            self._selfplay = self._generations.begin(trainer, "selfplay", self.hparams["parallel_games"])
            if self._games_to_restore is not None:
                self._selfplay.load_state_dict(self._games_to_restore)
                self._games_to_restore = None
        games = 1 if is_trial(trainer) else self.hparams["games_per_epoch"]
        self._epochs_filled = UNFINISHED
        self._generations.play(trainer, self._selfplay, games, self._buffer, "self-play")
        self._epochs_filled = epoch + 1

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Puts a batch that the host has drawn into memory from which a GPU fetches it while the CPU goes on."""
        on_host = isinstance(batch, Batch) and not batch.outcomes.is_cuda
        if on_host and agent(self._attached_trainer).device.type == "cuda":
            return Batch(*(part.pin_memory() for part in batch))
        return batch

    @property
    def clock(self) -> EpochClock:
        """How long the parts of the present epoch take."""
        return self._clock

    def metrics(self) -> dict[str, float]:
        """What the newest self-play was like, for the logs; empty before the first one."""
        return self._generations.metrics(self._attached_trainer.world_size, self._buffer)

    def state_dict(self) -> dict[str, Any]:
        """The buffer, the games in flight and the epochs that they cover, of all ranks, as tensors and plain values.

        Call it on all ranks. The first one, which writes the checkpoint, gets the states of all.
        """
        state = {
            "buffer": self._buffer.state_dict(),
            "games": self._selfplay.state_dict() if self._selfplay else self._games_to_restore,
            "epochs_filled": self._epochs_filled,
            "precision": self._generations.precision,
        }
        return {"ranks": self._states.gather(state)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up what `state_dict` saved. Only a fit needs it, also in its midst, as batch size finders do.

        Raises:
            CheckpointError: the state makes no sense.
        """
        trainer = self.trainer
        if trainer is not None and trainer.state.fn not in (None, "fit"):
            return
        rules, epoch, rank, ranks = None, None, 0, 1
        if trainer is not None:
            rules, epoch = agent(trainer).rules, checkpoint_in_restoration(trainer).get("epoch")
            rank, ranks = trainer.global_rank, trainer.world_size
        check_selfplay_state(state_dict, rules, epoch)
        state = state_of_rank(state_dict["ranks"], rank, ranks)
        if trainer is not None:
            ask_for_batches_again(trainer)  # those that it holds are of another state
        self._selfplay = None
        self._buffer.load_state_dict(state["buffer"])
        self._states = States()
        if lost := len(state["buffer"]["actions"]) - len(self._buffer):
            rank_zero_warn(
                f"buffer_size = {self._buffer.capacity:,} is less than what the checkpoint holds: of its samples the "
                f"oldest {lost:,} are dropped"
            )
        self._games_to_restore = state["games"]
        self._epochs_filled = state["epochs_filled"]
        if self._generations.precision == "auto":
            self._generations.precision = state["precision"]
