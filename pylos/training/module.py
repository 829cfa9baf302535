"""The Lightning module: network, loss, optimizer and learning rate schedule."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.optim import Optimizer

from pylos.errors import ConfigurationError, NonFiniteLossError
from pylos.game.observation import OBSERVATION_SIZE
from pylos.game.rules import rules_code
from pylos.network.checkpoint_format import VERSION, VERSION_KEY, check_checkpoint
from pylos.network.checkpoints import check_rules, load_checkpoint
from pylos.network.compiled import keep_plain_names, uncompiled
from pylos.network.network import pylos_network
from pylos.network.weights import check_finite
from pylos.runs.fit_start import open_run
from pylos.runs.identity import RUN_KEY
from pylos.runs.lightning_internals import datamodule_of, forget_validation, is_compiled, trainer_of
from pylos.runs.logger import RunLogger
from pylos.runs.relocation import names_to_paths, paths_to_names
from pylos.runs.resuming import check_optimizers, check_resumable, check_schedulers
from pylos.search.options import MOST_SIMULATIONS
from pylos.selfplay.replay_buffer import Batch
from pylos.system.options import COUNT, SHARE, Range, checked_options, own_arguments
from pylos.training.datamodule import SelfPlayDataModule
from pylos.training.epoch_metrics import IN_BAR, EpochMetrics, Metrics
from pylos.training.fingerprint import Fingerprint, differences, fingerprint
from pylos.training.losses import CapturedLosses, Losses, losses
from pylos.training.measured import MeasuredModule, not_compiled
from pylos.training.schedule import AnnealedModule

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
"""Lightning's own bars show the loss of every tenth step: to hand it one takes time."""


class PylosModule(AnnealedModule, MeasuredModule):
    """An agent in training: loss = policy cross-entropy + ``value_loss_weight`` x squared error of the value.

    This is the loss of AlphaZero (Silver et al., 2018), with the policy's softmax taken over the legal actions and
    the weight decay moved to the optimizer: AdamW, see `AnnealedModule`.

    Args:
        rules: the rule set that the agent learns: children, standard, mature, standard-optional or mature-optional; on
            the small board with mini- before it.
        width: numbers between the network's residual blocks, a multiple of 8.
        blocks: residual blocks.
        learning_rate: at the start.
        min_learning_rate: at the end of the schedule.
        schedule_steps: optimizer steps from the one to the other; None for those of the whole training, by the
            trainer's max_epochs or max_steps. Where nothing ends it, the rate then stays at ``learning_rate``.
        weight_decay: of AdamW, per step and learning rate, on weight matrices.
        value_loss_weight: of the value's squared error, against the policy's cross-entropy.
        validation_simulations: per decision, of the search that validation measures; 0 measures none.
    """

    _rate: float = math.nan
    """The learning rate of the newest step."""
    _captured: CapturedLosses | None = None
    _identity: str | None = None
    """Of the run in which it is trained (see ``pylos.runs.identity``)."""
    _restored: Mapping[str, Any] = {}
    """The checkpoint from which a fit goes on, until it has begun."""

    def __init__(
        self,
        rules: str = "standard",
        width: int = 256,
        blocks: int = 4,
        learning_rate: float = 1e-3,
        min_learning_rate: float = 1e-5,
        schedule_steps: int | None = None,
        weight_decay: float = 1e-4,
        value_loss_weight: float = 1.0,
        validation_simulations: int = 64,
    ) -> None:
        own = own_arguments(locals())
        super().__init__()
        self.save_hyperparameters()
        ranges = _RANGES if schedule_steps is None else {**_RANGES, "schedule_steps": COUNT}
        self.hparams.update(checked_options({**self.hparams, **own}, ranges))
        rules_code(rules)  # complains about an unknown name
        if self.hparams["min_learning_rate"] > self.hparams["learning_rate"]:
            raise ConfigurationError(
                f"min_learning_rate must be at most learning_rate, got {min_learning_rate} and {learning_rate}"
            )
        self._epoch = EpochMetrics()
        self.network = pylos_network(width, blocks)
        keep_plain_names(self)
        self.example_input_array = torch.zeros(1, OBSERVATION_SIZE)

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **kwargs: Any) -> Any:
        """As Lightning's own; a file is checked before, and must be one for the rules that are asked for.

        Raises:
            CheckpointError: it is missing, damaged, not ours, or for other rules.
        """
        if isinstance(checkpoint_path, str | os.PathLike):
            checkpoint = load_checkpoint(checkpoint_path)
            check_rules(
                checkpoint, kwargs.get("rules", checkpoint["hyper_parameters"].get("rules")), checkpoint_path
            )
        return super().load_from_checkpoint(checkpoint_path, *args, **kwargs)

    def setup(self, stage: str) -> None:
        """Forgets the metrics of an earlier fit."""
        super().setup(stage)
        if stage == "fit":
            self._epoch = EpochMetrics()

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See ``PylosNetwork.forward``."""
        result: tuple[Tensor, Tensor] = self.network(observations)
        return result

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds which run it is of, its history, and what its bits depend on.

        Raises:
            NonFiniteNetworkError: a weight is infinite or not a number; what was saved before stays.
        """
        check_finite(checkpoint["state_dict"], "not saved")
        checkpoint[VERSION_KEY] = VERSION
        checkpoint["fingerprint"] = self._fingerprint()
        if self._identity is not None:
            checkpoint[RUN_KEY] = self._identity
        checkpoint["metrics"] = self._epoch.state_dict(self.trainer)
        loggers = [logger for logger in self.trainer.loggers if isinstance(logger, RunLogger)]
        if loggers and self.trainer.is_global_zero:
            checkpoint["history"] = loggers[0].history()
        paths_to_names(checkpoint, self.trainer)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Warns where training goes on under conditions in which it cannot stay the same to the last bit.

        Raises:
            CheckpointError: the checkpoint is for other rules, not one to go on from, or makes no sense.
            NonFiniteNetworkError: one of its weights is infinite or not a number.
        """
        check_checkpoint(checkpoint, "the checkpoint")
        check_rules(checkpoint, self.rules, "the checkpoint")
        check_finite(checkpoint["state_dict"], "the checkpoint")
        trainer = trainer_of(self)
        if trainer is None:
            return
        names_to_paths(checkpoint, trainer)
        if trainer.state.fn != "fit":
            return
        check_resumable(trainer, checkpoint)
        self._identity = checkpoint.get(RUN_KEY)
        self._epoch.load_state_dict(checkpoint["metrics"])
        self._restored = checkpoint
        changes = differences(checkpoint["fingerprint"], self._fingerprint())
        if changes:
            rank_zero_warn(
                f"the training goes on, but not bit for bit as if never interrupted: {'; '.join(changes)}"
            )

    def _fingerprint(self) -> Fingerprint:
        return fingerprint(self.device, self.trainer.world_size)

    def on_fit_start(self) -> None:
        """Makes sure, before its first game, that the run does no harm to another one and can take up its states.

        Raises:
            CheckpointError: the checkpoint does not fit the optimizers.
        """
        super().on_fit_start()
        restored, self._restored = self._restored, {}
        if restored:
            schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
            check_optimizers(restored["optimizer_states"], self.trainer.optimizers, "the checkpoint")
            check_schedulers(restored["lr_schedulers"], schedulers, "the checkpoint")
        goes_on = self.trainer.ckpt_path is not None or self.trainer.global_step > 0
        self._identity = open_run(self, self._identity if goes_on else None, restored.get("history"))

    def on_train_start(self) -> None:
        """Begins the run's logs, or goes on with them."""
        super().on_train_start()
        self._captured = None  # of an earlier fit, whose weights lay elsewhere
        self._epoch.resume(self.trainer)
        for logger in self.trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.begin(self.global_step)

    def on_train_batch_start(self, batch: Any, batch_index: int) -> None:
        """Logs what self-play was like, before the first step: Lightning begins some epochs of a resume unannounced."""
        if batch_index:
            return
        self._epoch.begin(self.trainer)
        datamodule = datamodule_of(self.trainer)
        if isinstance(datamodule, SelfPlayDataModule):
            self.log_for_epoch(datamodule.metrics(), mean_of_ranks=True)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Logs the means over the epoch's steps after its last one: Lightning's own take 3 ms a step to keep.

        Raises:
            NonFiniteNetworkError: the epoch's steps have made a weight infinite, or not a number.
        """
        if self.trainer.is_last_batch or 0 <= self.trainer.max_steps <= self.global_step:
            # Before they are validated, evaluated and saved.
            when = f"stopped after step {self.global_step} (epoch {self.current_epoch})"
            check_finite(self.state_dict(), f"{when}; a lower learning_rate or weight_decay usually helps")
            self.log_for_epoch({**self._epoch.means(), "train/learning_rate": self._rate}, mean_of_ranks=True)

    def on_train_end(self) -> None:
        """Gives back the device's memory."""
        self._captured = None

    def on_train_epoch_end(self) -> None:
        """Hands the epoch's metrics of our own to the loggers, once.

        Lightning would do so after the checkpoints are written, and an epoch whose end a kill hits between the two
        would be missing from the logs of the resumed run. Here all of it, evaluation included, comes before.
        """
        metrics = self._epoch.end(self.trainer)
        for logger in self.trainer.loggers:
            logger.log_metrics({"epoch": self.current_epoch, **metrics}, step=self.global_step)
            logger.save()
        # An epoch without an evaluation, or with a failed one, lacks what a ModelCheckpoint monitors.
        forget_validation(self.trainer)
        self._epoch.show_newest(self.trainer)

    def log_for_epoch(self, metrics: Metrics, mean_of_ranks: bool = False) -> None:
        """Logs what belongs to an epoch as a whole; callbacks may do so, too.

        ``on_train_epoch_end`` hands it to the loggers, and whoever watches a metric sees it until there is a newer one.

        Args:
            metrics: by name; None for what has no value any more.
            mean_of_ranks: whether every rank has a value of its own, and not the same one.
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
        """The losses of a batch; Lightning descends along "loss".

        Raises:
            NonFiniteLossError: the loss is infinite or not a number; weights are as before the step.
        """
        found = self._losses(batch)
        self._note_step(found, batch_index)
        return found._asdict()

    @not_compiled
    def _note_step(self, found: Losses, batch_index: int) -> None:
        self._epoch.add({f"train/{name}": value for name, value in found._asdict().items()})
        if not torch.isfinite(found.loss):
            raise NonFiniteLossError(
                f"the loss is {found.loss.item()} at step {self.global_step} (epoch {self.current_epoch}, "
                f"batch {batch_index}); stopped. A lower learning_rate usually helps"
            )
        self._rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        if batch_index % _STEPS_PER_LIVE_LOSS == 0:
            self.log("loss", found.loss.detach(), prog_bar=True, logger=False, batch_size=1)

    def _losses(self, batch: Batch) -> Losses:
        """The losses of a batch in training.

        On a single GPU they are captured, from the first batch of a fit on: of the network as it is, without what a
        subclass may do in ``forward``; unless the user has it compiled.
        """
        trainer, weight = self.trainer, self.hparams["value_loss_weight"]
        plain = trainer.precision == "32-true" and not torch.is_anomaly_enabled()
        plain = plain and not is_compiled(self) and uncompiled(self.network) is self.network
        alone = isinstance(trainer.strategy, SingleDeviceStrategy) and trainer.accumulate_grad_batches == 1
        if self.device.type != "cuda" or not (plain and alone):
            values, log_policy = self(batch.observations)
            return losses(values, log_policy, batch, weight)
        if self._captured is None:
            self._captured = CapturedLosses(self.network, batch, weight)
        return self._captured(batch)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Logs the norm of the gradient before it is clipped.

        Raises:
            NonFiniteLossError: the norm is infinite or not a number; weights are as before the step.
        """
        gradients = [p.grad for p in self.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        scaled = self.trainer.precision == "16-mixed"  # there the scaler skips the step
        if not torch.isfinite(norm) and not scaled:
            raise NonFiniteLossError(
                f"the gradient is not finite at step {self.global_step} (epoch {self.current_epoch}); stopped. "
                "A lower learning_rate usually helps"
            )
        self._epoch.add({"train/gradient_norm": norm})
