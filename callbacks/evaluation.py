"""The callback that evaluates the agent at the end of epochs."""

from __future__ import annotations

import copy
import dataclasses
import functools
import time
from collections.abc import Sequence
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_warn

from callbacks.early_stopping import PatientStopping
from callbacks.sharing import shared_counts, shared_results
from callbacks.solution import table_of_run
from pylos.arena.evaluation import (
    agent_pairings,
    anchor_pairings,
    evaluate_agent,
    perfect_metrics,
    play_anchors,
    play_perfect,
)
from pylos.arena.results import MatchResult
from pylos.arena.settings import EvaluationSettings
from pylos.errors import ConfigurationError
from pylos.network.compiled import uncompiled
from pylos.network.network import PylosNetwork
from pylos.network.weights import check_fit
from pylos.players.network_player import NetworkPlayer
from pylos.players.perfect_player import PerfectPlayer
from pylos.players.player import Player
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.runs.first_rank import of_first_rank
from pylos.runs.fit_start import begins_run, continues_run
from pylos.runs.folder import another_run_error, checkpoint_folder, is_trial
from pylos.runs.manifest import Entry, Manifest
from pylos.runs.manifest_format import agent_name
from pylos.system.options import COUNT, Range, checked_options
from pylos.system.schema import Each, Maybe, check_state
from pylos.training.epoch_metrics import log_for_epoch
from pylos.training.trainer import phases_shown


class EvaluationCallback(pl.Callback):
    """Evaluates the agent at the end of epochs, and logs and records how strong it is. The training waits meanwhile.

    The agent plays random, the `anchors` and the weights of the previous evaluation. `eval/elo` (maximum likelihood
    over all games of the run), `eval/win_rate_vs_random` and the like are logged in time for a
    `ModelCheckpoint(monitor=...)` of the same epoch, and recorded in `manifest.json` beside the checkpoints. If an
    evaluation fails, the failure is reported and recorded, and the training goes on.

    If the rules are solved with distances when the training starts, the agent also plays `games` games against the
    perfect player, from the start position. They are logged as `eval/score_vs_perfect_as_second`,
    `eval/score_vs_perfect_as_first` (wins and half the draws per game) and `eval/turns_survived_vs_perfect` (the mean
    number of turns in the games that it lost). Neither ratings nor the manifest contain these games.

    In an epoch without an evaluation, and after a resume, callbacks that watch a metric, as `EarlyStopping` does, see
    that of the newest evaluation. If it has no value, because the end of an interval is open, they wait.

    Args:
        every_n_epochs: epochs from one evaluation to the next.
        games: games of every match, an even number.
        simulations: simulations per decision of the agent; 0 evaluates the bare policy.
        anchors: opponents besides random and the previous checkpoint, the weakest first. They also play each other once
            a run, because a rating needs opponents that win sometimes. Ratings name a checkpoint among them by its
            weights, wherever it lies, and metrics by its path with dashes.
        seed: names the games: another seed gives other ones.
        perfect: whether to play the perfect player if the rules are solved.
    """

    def __init__(
        self,
        every_n_epochs: int = 1,
        games: int = 50,
        simulations: int = 32,
        anchors: Sequence[str] = ("rollouts:20", "rollouts:200"),
        seed: int = 0,
        perfect: bool = True,
    ) -> None:
        self.every_n_epochs: int = checked_options(
            {"every_n_epochs": every_n_epochs}, {"every_n_epochs": COUNT}
        )["every_n_epochs"]
        self.settings = EvaluationSettings(games, simulations, anchors, seed)
        self.perfect = perfect
        self._perfect_player: PerfectPlayer | None = None
        self._manifest: Manifest | None = None
        self._fixed: list[str] = []
        """The names of random and the anchors."""
        self._early_stopping = PatientStopping()
        self._previous_step: int | None = None
        self._previous_weights: dict[str, torch.Tensor] = {}

    @property
    def manifest(self) -> Manifest:
        """The manifest of the current run."""
        if self._manifest is None:
            raise ConfigurationError("there is no manifest before the training starts")
        return self._manifest

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Loads the fixed opponents, so that one that cannot play is refused now and not in every evaluation.

        Raises:
            PylosError: an anchor cannot be loaded, or the rules have no such player.
        """
        if stage in ("fit", "test"):
            players = self.settings.fixed_opponents(str(pl_module.hparams["rules"]))
            self._fixed = [player.name for player in players]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Opens the manifest before the first game is played, because it may be that of another run.

        Raises:
            CheckpointError: the checkpoint's previous agent is not a network like the module's, or the manifest is
                damaged.
            ConfigurationError: the manifest is that of another run.
        """
        self._early_stopping.begin(trainer)
        if self._previous_step is not None:
            ours = _network(pl_module).state_dict()
            check_fit(self._previous_weights, ours, "the checkpoint's previous agent")
        folder = checkpoint_folder(trainer)
        # All ranks play by what is known, which only the first one's disk tells.
        self._manifest = (
            Manifest(folder) if is_trial(trainer) else of_first_rank(lambda: Manifest.load(folder))
        )
        if self.manifest.entries and begins_run(trainer):
            raise another_run_error(folder)
        if continues_run(trainer) and self._previous_step is not None and not self.manifest.path.exists():
            rank_zero_warn(
                f"the run goes on, but {self.manifest.path} is missing: ratings begin anew; "
                f"pylos evaluate {folder} evaluates the checkpoints that are left"
            )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Prepares the manifest for this fit; a resumed run plays out anew what lies behind its checkpoint.

        Raises:
            ConfigurationError: the manifest is that of a run of other rules.
        """
        rules = str(pl_module.hparams["rules"])
        if self.manifest.rules not in (None, rules):
            raise ConfigurationError(
                f"{self.manifest.folder} holds a run of {self.manifest.rules!r} rules, not of {rules!r}"
            )
        self.manifest.rules = rules
        before, now = self.manifest.evaluation.get("simulations"), self.settings.simulations
        if before not in (None, now):
            rank_zero_warn(
                f"evaluations so far were with {before} simulations per decision, from now on they are with {now}: "
                "other players, with ratings of their own"
            )
        self.manifest.evaluation = self.settings.to_dict()
        self.manifest.truncate(trainer.global_step)
        table = table_of_run(trainer, distances=True) if self.perfect else None
        self._perfect_player = PerfectPlayer(table) if table else None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Evaluates the agent, in every n-th epoch. Lightning calls the checkpoint callbacks later."""
        if (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        step = trainer.global_step
        try:
            self._evaluate(trainer, pl_module, step)
        except Exception as error:  # whatever failed, the training goes on
            reason = f"{type(error).__name__}: {error}"
            rank_zero_warn(f"the evaluation after epoch {trainer.current_epoch} failed: {reason}")
            self.manifest.record_failure(trainer.current_epoch, step, self.settings.simulations, reason)
        self._save(trainer)

    def _evaluate(self, trainer: pl.Trainer, module: pl.LightningModule, step: int) -> None:
        start = time.perf_counter()
        network = _network(module)
        agent = self._player(step, network, module)
        results = self._play(trainer, agent, self._previous_player(module))
        simulations, seconds = self.settings.simulations, time.perf_counter() - start
        self.manifest.record(trainer.current_epoch, step, simulations, results, seconds)
        self.manifest.update_ratings()
        measured = self._metrics(results, self.manifest.entries[step, simulations])
        log_for_epoch(module, measured)
        self._previous_step = step
        self._previous_weights = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
        if self._perfect_player is not None:
            # After everything that is recorded, so that the records are the same without a table.
            found = self._play_perfect(trainer, agent, self._perfect_player)
            log_for_epoch(module, found)
            measured |= found
        self._early_stopping.end(measured)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notes in the manifest which checkpoints the last epoch has left."""
        self._save(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notes in the manifest which checkpoints the fit has left, also if a resumed run had nothing else to do."""
        self._save(trainer)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plays random and the anchors and logs the win rates, for `trainer.test`."""
        agent = self._player(trainer.global_step, _network(pl_module), pl_module)
        results = self._play(trainer, agent, None)
        for name, result in zip(self.settings.names_in_metrics, results, strict=True):
            pl_module.log(f"test/win_rate_vs_{name}", result.score)

    def state_dict(self) -> dict[str, Any]:
        """The weights that the next evaluation plays against."""
        return {"previous_step": self._previous_step, "previous_weights": self._previous_weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            CheckpointError: it is something else.
        """
        schema = {"previous_step": Maybe(Range(int, 0, 2**53)), "previous_weights": Each(torch.Tensor)}
        check_state(state_dict, {"previous_weights": dict}, "the state of the evaluation")
        check_state(state_dict, schema, "the state of the evaluation")
        self._previous_step = state_dict["previous_step"]
        self._previous_weights = state_dict["previous_weights"]

    def _play(self, trainer: pl.Trainer, agent: Player, previous: Player | None) -> list[MatchResult]:
        """Plays the matches of an evaluation, each rank its share; all ranks get all results."""
        settings, show = self._settings(trainer), phases_shown(trainer)
        rules = str(trainer.lightning_module.hparams["rules"])
        if self._manifest is not None:
            known = self._manifest.anchor_matches
            if pairings := anchor_pairings(self._fixed, known):
                anchors = functools.partial(play_anchors, settings, known, rules, show)
                self._manifest.anchor_matches += tuple(shared_results(trainer, anchors, pairings))
        play = functools.partial(evaluate_agent, settings, agent, previous, rules, show)
        return shared_results(trainer, play, agent_pairings(self._fixed, agent, previous))

    def _play_perfect(
        self, trainer: pl.Trainer, agent: Player, perfect: PerfectPlayer
    ) -> dict[str, float | None]:
        """Plays the perfect player, each rank its share; all ranks get the metrics of all games."""
        play = functools.partial(play_perfect, self._settings(trainer), agent, perfect, phases_shown(trainer))
        return perfect_metrics(shared_counts(trainer, play).tolist())

    def _settings(self, trainer: pl.Trainer) -> EvaluationSettings:
        """The settings of this fit: a trial has as few games as possible."""
        return dataclasses.replace(self.settings, games=2) if is_trial(trainer) else self.settings

    def _player(self, step: int, network: PylosNetwork, module: pl.LightningModule) -> Player:
        return NetworkPlayer(
            agent_name(step, self.settings.simulations),
            network,
            str(module.hparams["rules"]),
            self.settings.simulations,
            str(module.device),
        )

    def _previous_player(self, module: pl.LightningModule) -> Player | None:
        """The weights of the previous evaluation, from memory: `save_top_k` may have deleted their checkpoint."""
        if self._previous_step is None:
            return None
        network = copy.deepcopy(_network(module))
        network.load_state_dict(self._previous_weights)
        return self._player(self._previous_step, network, module)

    def _metrics(self, results: Sequence[MatchResult], entry: Entry) -> dict[str, float | None]:
        """The metrics of an evaluation; those without a value, as the open end of an interval, are None."""
        # Not strict: the last result may be that against the previous agent.
        fixed = zip(self.settings.names_in_metrics, results, strict=False)
        rates = {f"eval/win_rate_vs_{name}": result.score for name, result in fixed}
        names = ("elo", "elo_low", "elo_high", "win_rate_vs_previous")
        return {**rates, **{f"eval/{name}": getattr(entry, name) for name in names}}

    def _save(self, trainer: pl.Trainer) -> None:
        # A manifest without entries replaces the file all the same: it may have entries that a resume took back.
        known = self.manifest.entries or self.manifest.path.exists()
        if trainer.is_global_zero and not is_trial(trainer) and known:
            self.manifest.update_files(find_checkpoints(self.manifest.folder)[0])
            self.manifest.save()


def _network(module: pl.LightningModule) -> PylosNetwork:
    return cast(PylosNetwork, uncompiled(cast(torch.nn.Module, module.network)))
