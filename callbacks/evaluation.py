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
from callbacks.sharing import shared_results, shared_sum
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
from pylos.errors import CheckpointError, ConfigurationError
from pylos.network.compiled import uncompiled
from pylos.network.network import PylosNetwork
from pylos.network.weights import check_numbers
from pylos.players.network_player import NetworkPlayer
from pylos.players.perfect_player import PerfectPlayer
from pylos.players.player import Player
from pylos.runs.checkpoint_files import find_checkpoints
from pylos.runs.fit_start import begins_run, continues_run
from pylos.runs.folder import another_run_error, checkpoint_folder, is_trial
from pylos.runs.manifest import Entry, Manifest
from pylos.runs.manifest_format import agent_name
from pylos.system.options import COUNT, Range, checked_options
from pylos.system.schema import Each, Maybe, check_state
from pylos.training.epoch_metrics import log_for_epoch
from pylos.training.trainer import phases_shown


class EvaluationCallback(pl.Callback):
    """Evaluates the agent at the end of epochs, in the foreground, and logs and records how strong it is.

    It plays random, the `anchors` and the previous evaluated weights, logs `eval/elo` (maximum likelihood
    over all games of the run), `eval/win_rate_vs_random` and the like in time for `ModelCheckpoint(monitor=...)`
    of the same epoch, and keeps `manifest.json` beside the checkpoints. Should an evaluation fail, that is
    reported and recorded, and the training goes on.

    Where the rules are solved with distances when the training starts, the agent also plays as many games against
    the perfect player, from the start position. They are logged as `eval/score_vs_perfect_as_second`,
    `eval/score_vs_perfect_as_first` (wins and half the draws per game) and `eval/turns_survived_vs_perfect`
    (how long the games that it lost were), and are part of nothing else.

    In an epoch without an evaluation, and after a resume, callbacks that watch a metric, as `EarlyStopping` does,
    see that of the newest one. Where that has no value, as the end of an interval may be open, they wait.

    Args:
        every_n_epochs: epochs from one evaluation to the next.
        games: games of every match, an even number.
        simulations: simulations per decision of the agent; 0 evaluates the bare policy.
        anchors: opponents besides random and the previous checkpoint, the weakest first. They also play each
            other once per run, because a rating needs opponents who win sometimes. A checkpoint among them is known to
            ratings by its weights, wherever it lies, and to metrics by its path with dashes.
        seed: names the games.
        perfect: whether to play the perfect player where that is possible.
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
        """Loads the fixed opponents: one that cannot play is refused now, and not in every evaluation.

        Raises:
            PylosError: an anchor cannot be loaded, or the rules have no such player.
        """
        if stage in ("fit", "test"):
            players = self.settings.fixed_opponents(str(pl_module.hparams["rules"]))
            self._fixed = [player.name for player in players]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Opens the manifest, before the first game is played: it may be that of another run.

        Early stopping then looks at the end of epochs, and waits for the first evaluation.

        Raises:
            CheckpointError: the previous agent, brought by a checkpoint, is no such network.
        """
        self._early_stopping.begin(trainer)
        if self._previous_step is not None:
            ours = _network(pl_module).state_dict()
            shapes = [{name: w.shape for name, w in part.items()} for part in (ours, self._previous_weights)]
            if shapes[0] != shapes[1]:
                raise CheckpointError("the checkpoint's previous agent does not fit the network")
            check_numbers(self._previous_weights, ours, "the checkpoint's previous agent")
        folder = checkpoint_folder(trainer)
        self._manifest = Manifest(folder) if is_trial(trainer) else Manifest.load(folder)
        if self.manifest.entries and begins_run(trainer):
            raise another_run_error(folder)
        if continues_run(trainer) and self._previous_step is not None and not self.manifest.path.exists():
            rank_zero_warn(
                f"the run goes on, but {self.manifest.path} is missing: ratings begin anew; "
                f"pylos evaluate {folder} evaluates the checkpoints that are left"
            )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets what the manifest knows of the future of a resumed run."""
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
        """Evaluates, if it is time to. Lightning calls checkpoint callbacks after this one."""
        if (trainer.current_epoch + 1) % self.every_n_epochs:
            return
        step = trainer.global_step
        try:
            self._evaluate(trainer, pl_module, step)
        except Exception as error:  # whatever it is, the training is worth more
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
            # Behind all that is recorded, which so is the same where there is no table.
            found = self._play_perfect(trainer, agent, self._perfect_player)
            log_for_epoch(module, found)
            measured |= found
        self._early_stopping.end(measured)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notes the names of the checkpoints that the last epoch left."""
        self._save(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Notes the names of the last checkpoints, also where a killed run had nothing left but this."""
        self._save(trainer)

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Plays random and the anchors, for `trainer.test`."""
        agent = self._player(trainer.global_step, _network(pl_module), pl_module)
        results = self._play(trainer, agent, None)
        for name, result in zip(self.settings.names_in_metrics, results, strict=True):
            pl_module.log(f"test/win_rate_vs_{name}", result.score)

    def state_dict(self) -> dict[str, Any]:
        """The weights that the next evaluation plays against."""
        return {"previous_step": self._previous_step, "previous_weights": self._previous_weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up what `state_dict` saved.

        Raises:
            CheckpointError: that is something else.
        """
        schema = {"previous_step": Maybe(Range(int, 0, 2**53)), "previous_weights": Each(torch.Tensor)}
        check_state(state_dict, {"previous_weights": dict}, "the state of the evaluation")
        check_state(state_dict, schema, "the state of the evaluation")
        self._previous_step = state_dict["previous_step"]
        self._previous_weights = state_dict["previous_weights"]

    def _play(self, trainer: pl.Trainer, agent: Player, previous: Player | None) -> list[MatchResult]:
        """Plays an evaluation, each rank its share; all of them get the whole result."""
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
        """Plays the perfect player, each rank its share; all of them get the metrics of all games."""
        play = functools.partial(play_perfect, self._settings(trainer), agent, perfect, phases_shown(trainer))
        return perfect_metrics(shared_sum(trainer, play))

    def _settings(self, trainer: pl.Trainer) -> EvaluationSettings:
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
        """The weights of the previous evaluation; a checkpoint on disk would be at the mercy of save_top_k."""
        if self._previous_step is None:
            return None
        network = copy.deepcopy(_network(module))
        network.load_state_dict(self._previous_weights)
        return self._player(self._previous_step, network, module)

    def _metrics(self, results: Sequence[MatchResult], entry: Entry) -> dict[str, float | None]:
        """What is logged; an open end of the interval is None, for loggers know numbers only."""
        # Not strict: the last result may be that against the previous agent.
        fixed = zip(self.settings.names_in_metrics, results, strict=False)
        rates = {f"eval/win_rate_vs_{name}": result.score for name, result in fixed}
        names = ("elo", "elo_low", "elo_high", "win_rate_vs_previous")
        return {**rates, **{f"eval/{name}": getattr(entry, name) for name in names}}

    def _save(self, trainer: pl.Trainer) -> None:
        known = self.manifest.entries or self.manifest.path.exists()  # it may hold what was forgotten
        if trainer.is_global_zero and not is_trial(trainer) and known:
            self.manifest.update_files(find_checkpoints(self.manifest.folder)[0])
            self.manifest.save()


def _network(module: pl.LightningModule) -> PylosNetwork:
    return cast(PylosNetwork, uncompiled(cast(torch.nn.Module, module.network)))
