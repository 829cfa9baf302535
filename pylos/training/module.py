"""The Lightning module: network, loss, optimizer and learning rate schedule."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pylos.errors import ConfigurationError
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import rules_code
from pylos.network.checkpoint_format import VERSION, VERSION_KEY, check_and_upgrade
from pylos.network.checkpoints import check_activation, check_rules, load_checkpoint
from pylos.network.compiled import keep_plain_names, uncompiled
from pylos.network.network import ACTIVATIONS, PylosNetwork, answers_of, pylos_network
from pylos.network.weights import check_finite
from pylos.runs.lightning_internals import datamodule_of, forget_validation, trainer_of
from pylos.runs.logger import RunLogger
from pylos.runs.relocation import names_to_paths, paths_to_names
from pylos.runs.renamed import renamed_class
from pylos.runs.resuming import check_resumable
from pylos.search.options import MOST_SIMULATIONS
from pylos.selfplay.replay_buffer import Batch
from pylos.system.files import StrPath
from pylos.system.options import COUNT, SHARE, Range, checked_options, own_arguments
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.epoch_clock import end_training, log_times
from pylos.training.epoch_metrics import IN_BAR, EpochMetrics, Metrics
from pylos.training.losses import Losses, losses
from pylos.training.measured_module import MeasuredModule, not_compiled
from pylos.training.run_state import RunState
from pylos.training.step_precision import StepPrecision
from pylos.training.stepping_module import SteppingModule

_RANGES = {
    # Larger ones are mistyped: their weights would fill the memory, layer by layer.
    "width": Range(int, 1, 16_384),
    "blocks": Range(int, 1, 1000),
    "learning_rate": Range(float, 0, 1, above=True),
    "min_learning_rate": SHARE,
    "weight_decay": Range(float, 0, 1000),
    "value_loss_weight": Range(float, 0, 1000),
    "validation_simulations": Range(int, 0, MOST_SIMULATIONS),
}
_STEPS_PER_LIVE_LOSS = 10
"""Lightning's own bars show the loss of every tenth step, because it takes time to hand it over."""


class PylosModule(SteppingModule, MeasuredModule):
    """An agent in training: loss = policy cross-entropy + `value_loss_weight` x cross-entropy of the outcome.

    This is the loss of AlphaZero (Silver et al., 2018), with win, draw and loss in place of one number, the policy's
    softmax taken over the legal actions, a small part for what the policy leaves to illegal ones (`LEGALITY`), and the
    weight decay moved to the optimizer: AdamW, see `AnnealedModule`.

    Args:
        rules: the rule set that the agent learns: children, standard, mature, standard-optional or mature-optional; on
            the small board with mini- before it.
        width: numbers between the network's residual blocks, a multiple of 8.
        blocks: residual blocks.
        activation: of the blocks: "relu2", the square of relu, or "relu", as in older versions; None for "relu2", or
            that of the checkpoint which is loaded.
        learning_rate: the learning rate at the start.
        min_learning_rate: the learning rate at the end of the schedule.
        schedule_steps: optimizer steps from the one to the other; None for those of the whole training, by the
            trainer's max_epochs or max_steps. If nothing ends the training either, the rate stays at `learning_rate`.
        weight_decay: AdamW's decay of weight matrices, per step, relative to the learning rate.
        value_loss_weight: weight of the outcome's cross-entropy against that of the policy.
        validation_simulations: simulations per decision of the search that validation measures; 0 measures none.
        training_precision: in which steps compute the network: "float32", "bfloat16", where weights and the optimizer
            stay float32, or "auto": on a CPU the faster of them (measured at the start of a run and kept by its
            checkpoints), elsewhere float32. If the trainer has a `precision` of its own, that one decides.
    """

    def __init__(
        self,
        rules: str = "standard",
        width: int = 256,
        blocks: int = 4,
        activation: str | None = None,
        learning_rate: float = 1e-3,
        min_learning_rate: float = 1e-5,
        schedule_steps: int | None = None,
        weight_decay: float = 1e-4,
        value_loss_weight: float = 1.0,
        validation_simulations: int = 64,
        training_precision: str = "auto",
    ) -> None:
        own = own_arguments(locals())
        super().__init__()
        self.save_hyperparameters()
        ranges = _RANGES if schedule_steps is None else {**_RANGES, "schedule_steps": COUNT}
        self.hparams.update(checked_options({**self.hparams, **own}, ranges))
        self._takes_activation = self.hparams["activation"] is None
        if self._takes_activation:
            self.hparams["activation"] = ACTIVATIONS[0]
        rules_code(rules)  # raises an error for an unknown name
        if self.hparams["min_learning_rate"] > self.hparams["learning_rate"]:
            raise ConfigurationError(
                f"min_learning_rate must be at most learning_rate, got {min_learning_rate} and {learning_rate}"
            )
        self.step_precision = StepPrecision(training_precision)
        self._epoch = EpochMetrics()
        self._run = RunState()
        self._rate = math.nan
        """The learning rate of the newest step."""
        self.network = self.make_network()
        keep_plain_names(self)
        self.example_input_array = torch.zeros(1, OBSERVATION_SIZE)

    def make_network(self) -> nn.Module:
        """Makes the network, by the options in `hparams`. A subclass may make any other.

        A network maps observations, float32 [B, 184], to the logits of win, draw and loss, [B, 3], and log policies,
        [B, 303]. It must not branch on its input, and in eval mode a row must not depend on the others.
        """
        return pylos_network(self.hparams["width"], self.hparams["blocks"], self.hparams["activation"])

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Loads a module as Lightning does, after checking the file.

        Raises:
            CheckpointError: the file is missing, damaged, not ours, or for other rules or of another activation than
                asked for.
        """
        if isinstance(checkpoint_path, str | os.PathLike):
            checkpoint = load_checkpoint(checkpoint_path)
            options = checkpoint["hyper_parameters"]
            check_rules(checkpoint, kwargs.get("rules", options.get("rules")), checkpoint_path)
            check_activation(checkpoint, kwargs.get("activation"), checkpoint_path)
            kept = {"activation": options["activation"]} if "activation" in options else {}
            kwargs = {**renamed_class(options), **kwargs, **kept}
        return super().load_from_checkpoint(checkpoint_path, *args, **kwargs)

    def setup(self, stage: str) -> None:
        """Forgets the metrics of an earlier fit."""
        super().setup(stage)
        if stage == "fit":
            self._epoch = EpochMetrics()

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See `PylosNetwork.forward`.

        Raises:
            ConfigurationError: the network is somebody's own and gives something else.
        """
        return answers_of(self.network, observations)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the run, its metrics so far, and what its bits depend on.

        Raises:
            NonFiniteLossError: a step of late was not finite; what was saved before stays.
            NonFiniteNetworkError: a weight is infinite or not a number; what was saved before stays.
        """
        self.check_captured_steps()
        check_finite(checkpoint["state_dict"], "not saved")
        checkpoint[VERSION_KEY] = VERSION
        self._run.save(checkpoint, self)
        checkpoint["metrics"] = self._epoch.state_dict(self.trainer)
        self.step_precision.save(checkpoint)
        loggers = [logger for logger in self.trainer.loggers if isinstance(logger, RunLogger)]
        if loggers and self.trainer.is_global_zero:
            checkpoint["history"] = loggers[0].history()
        paths_to_names(checkpoint, self.trainer)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Checks a checkpoint, and takes up what `on_save_checkpoint` added if a fit goes on from it.

        Raises:
            CheckpointError: the checkpoint is for other rules or of another activation, not one to go on from, or makes
                no sense.
            NonFiniteNetworkError: one of its weights is infinite or not a number.
        """
        check_and_upgrade(checkpoint, "the checkpoint")
        check_rules(checkpoint, self.rules, "the checkpoint")
        check_finite(checkpoint["state_dict"], "the checkpoint")
        self.take_activation(checkpoint, "the checkpoint")
        trainer = trainer_of(self)
        if trainer is None:
            return
        names_to_paths(checkpoint, trainer)
        if trainer.state.fn != "fit":
            return
        check_resumable(trainer, checkpoint)
        self._epoch.load_state_dict(checkpoint["metrics"])
        self._run.restore(checkpoint, self)
        self.step_precision.restore(checkpoint)

    def take_activation(self, checkpoint: Mapping[str, Any], name: StrPath) -> None:
        """Gives the network the activation of a checkpoint's, unless the option says one.

        Args:
            checkpoint: in the present format.
            name: what the error calls it.

        Raises:
            CheckpointError: the option says another one, or there is no such activation.
        """
        network, theirs = uncompiled(self.network), checkpoint["hyper_parameters"].get("activation")
        if not isinstance(network, PylosNetwork) or theirs is None:
            return
        free = self._takes_activation and theirs in ACTIVATIONS
        check_activation(checkpoint, None if free else network.activation, name)
        network.activate_by(theirs)
        self.hparams["activation"] = theirs

    def on_fit_start(self) -> None:
        """Checks, before the first game, that the run can begin here or go on: see `RunState.begin_fit`."""
        super().on_fit_start()
        self._run.begin_fit(self)
        self.step_precision.begin_fit(self, self.network)

    def on_train_start(self) -> None:
        """Begins the run's logs, or goes on with them."""
        super().on_train_start()
        self._epoch.resume(self.trainer)
        for logger in self.trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.begin(self.global_step)

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        """Logs what self-play was like, before the epoch's first step.

        `on_train_epoch_start` would come too rarely: Lightning leaves it out in some epochs after a resume.
        """
        if batch_index:
            return
        self._epoch.begin(self.trainer)
        datamodule = datamodule_of(self.trainer)
        if isinstance(datamodule, SelfPlayDataModule):
            self.log_for_epoch(datamodule.metrics(), mean_of_ranks=True)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Logs the means over the epoch's steps after its last one. Lightning's own means would take 3 ms a step.

        Raises:
            NonFiniteLossError: a step of late was not finite; the weights are as before that step.
            NonFiniteNetworkError: the epoch's steps have made a weight infinite, or not a number. So it is not
                validated, evaluated or saved.
        """
        ends = self.trainer.is_last_batch or 0 <= self.trainer.max_steps <= self.global_step
        self.check_captured_steps(None if ends else batch_index)
        if ends:
            when = f"stopped after step {self.global_step} (epoch {self.current_epoch})"
            check_finite(self.state_dict(), f"{when}; a lower learning_rate or weight_decay usually helps")
            self.log_for_epoch({**self._epoch.means(), "train/learning_rate": self._rate}, mean_of_ranks=True)
            end_training(self.trainer)

    def on_train_epoch_end(self) -> None:
        """Hands the epoch's metrics of our own to the loggers, those of the evaluation included.

        Lightning would do so after it has written the checkpoints. After a kill between the two, the epoch would be
        missing from the logs of the resumed run.

        Raises:
            NonFiniteLossError: a step of late was not finite, in a fit that was stopped within the epoch.
        """
        self.check_captured_steps()
        log_times(self.trainer, self)
        metrics = self._epoch.end(self.trainer)
        for logger in self.trainer.loggers:
            logger.log_metrics({"epoch": self.current_epoch, **metrics}, step=self.global_step)
            logger.save()
        # An epoch without an evaluation, or with a failed one, lacks what a ModelCheckpoint monitors.
        forget_validation(self.trainer)
        self._epoch.show_newest(self.trainer)

    def log_for_epoch(self, metrics: Metrics, mean_of_ranks: bool = False) -> None:
        """Logs metrics that belong to an epoch as a whole; callbacks may call it, too.

        `on_train_epoch_end` hands them to the loggers. Callbacks that watch a metric see it until there is a newer one.

        Args:
            metrics: values by name; None for what has no value any more.
            mean_of_ranks: whether the ranks have values of their own, of which the mean is logged.
        """
        self._epoch.note(metrics)
        for name, value in metrics.items():
            if value is not None:
                self.log(
                    name,
                    value,
                    on_step=False,
                    on_epoch=True,
                    prog_bar=name in IN_BAR,
                    logger=False,
                    sync_dist=mean_of_ranks,
                    batch_size=1,
                )

    def training_step(self, batch: Batch, batch_index: int) -> dict[str, Tensor]:
        """The losses of a batch. Lightning minimises "loss", if the step is not captured: then it is made here.

        Raises:
            NonFiniteLossError: the loss is infinite or not a number; the weights are as before the step.
        """
        if self.captured_step is None:
            with self.step_precision.context(self):
                outcomes, log_policy = self(batch.observations)
            found = losses(outcomes, log_policy, batch, self.hparams["value_loss_weight"])
            self._note_step(found, batch_index)
        else:
            found, norm = self.captured_step(batch)
            self._note_step(found, batch_index, norm)
        return found._asdict()

    @not_compiled
    def _note_step(self, found: Losses, batch_index: int, norm: Tensor | None = None) -> None:
        self._epoch.add({f"train/{name}": value for name, value in found._asdict().items()})
        if norm is None:
            self.check_loss(found.loss, self.global_step, batch_index)
        else:
            self._epoch.add({"train/gradient_norm": norm})
            self.note_captured_step(batch_index)
        self._rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        if batch_index % _STEPS_PER_LIVE_LOSS == 0:
            self.log("loss", found.loss.detach(), prog_bar=True, logger=False, batch_size=1)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Logs the norm of the gradient before it is clipped.

        Raises:
            NonFiniteLossError: the norm is infinite or not a number; the weights are as before the step.
        """
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        # With a gradient scaler that is no mistake: it skips the step.
        if self.trainer.precision != "16-mixed":
            self.check_norm(norm, self.global_step)
        self._epoch.add({"train/gradient_norm": norm})

    def _step_class(self) -> type[SteppingModule]:
        return PylosModule
