"""The Lightning module: network, loss, optimizer and learning rate schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.optim import Optimizer

from pylos.actions import action_name
from pylos.board import Board, as_positions
from pylos.checkpoints import check_rules
from pylos.datamodule import SelfPlayDataModule
from pylos.entry import check_resumable, enter
from pylos.errors import ConfigurationError, NonFiniteLossError, NonFiniteNetworkError
from pylos.fingerprint import Fingerprint, differences, fingerprint
from pylos.identity import KEY as RUN
from pylos.inference import NetworkEvaluator
from pylos.kept_checkpoints import names_to_paths, paths_to_names
from pylos.loaders import LabelledBatch
from pylos.logger import RunLogger
from pylos.losses import CapturedLosses, Losses, losses
from pylos.network import SQUARE, PylosNetwork, check_finite
from pylos.observation import OBSERVATION_SIZE
from pylos.options import own_arguments, plain
from pylos.replay import Batch
from pylos.rules import NUM_ACTIONS, rules_code
from pylos.search import MOST_SIMULATIONS, padded_size
from pylos.truth import Searcher, Truth, TruthResult


class PylosModule(pl.LightningModule):
    """An agent in training: loss = policy cross-entropy + ``value_loss_weight`` x squared error of the value.

    This is the loss of AlphaZero (Silver et al., 2018), with the policy's softmax taken over the legal actions and
    the weight decay moved to the optimizer: AdamW (Loshchilov and Hutter, 2019), on weight matrices only. The
    learning rate follows a cosine (Loshchilov and Hutter, 2017, section 3) and stays at its minimum thereafter.

    Args:
        rules: the rule set that the agent learns; see ``pylos.rules.RULES``.
        width: numbers between the network's residual blocks, a multiple of 8.
        blocks: residual blocks.
        learning_rate: at the start.
        min_learning_rate: at the end of the schedule.
        schedule_steps: optimizer steps from the one to the other.
        weight_decay: of AdamW, per step and learning rate, on weight matrices.
        value_loss_weight: of the value's squared error, against the policy's cross-entropy.
        validation_simulations: per decision, of the search that validation measures; 0 measures none.
    """

    truth: TruthResult | None = None
    """What the newest validation found."""
    _rate: float = math.nan
    """The learning rate of the newest step."""
    _captured: CapturedLosses | None = None
    _identity: str | None = None
    """Of the run in which it is trained (see ``pylos.identity``)."""

    def __init__(
        self,
        rules: str = "standard",
        width: int = 256,
        blocks: int = 4,
        learning_rate: float = 1e-3,
        min_learning_rate: float = 1e-5,
        schedule_steps: int = 10_000,
        weight_decay: float = 1e-4,
        value_loss_weight: float = 1.0,
        validation_simulations: int = 64,
    ) -> None:
        own = own_arguments(locals())
        super().__init__()
        self.save_hyperparameters()
        self.hparams.update(plain({**self.hparams, **own}))
        rules_code(rules)  # complains about an unknown name
        if min(width, blocks, schedule_steps) < 1:
            raise ConfigurationError("width, blocks and schedule_steps must be at least 1")
        if not 0 <= min_learning_rate <= learning_rate <= 1 or learning_rate == 0:
            raise ConfigurationError(
                f"need 0 <= min_learning_rate <= learning_rate <= 1, got {min_learning_rate} and {learning_rate}"
            )
        if min(weight_decay, value_loss_weight) < 0:
            raise ConfigurationError("weight_decay and value_loss_weight must not be negative")
        if not 0 <= validation_simulations <= MOST_SIMULATIONS:
            raise ConfigurationError(
                f"validation_simulations must be from 0 to {MOST_SIMULATIONS}, got {validation_simulations}"
            )
        self._sums: dict[str, tuple[Tensor | float, int]] = {}  # of the epoch, and of how many numbers
        self.network = PylosNetwork((OBSERVATION_SIZE,), NUM_ACTIONS, width, blocks, SQUARE)

    @property
    def rules(self) -> str:
        """The rule set that the agent plays by."""
        return str(self.hparams["rules"])

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """See ``PylosNetwork.forward``."""
        result: tuple[Tensor, Tensor] = self.network(observations)
        return result

    def configure_optimizers(self) -> Any:
        """AdamW, and a cosine that is a pure function of the step: a resume takes its horizon from the config."""
        matrices = [p for p in self.parameters() if p.ndim > 1]
        others = [p for p in self.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": self.hparams["weight_decay"]},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.hparams["learning_rate"],
            # Under autocast Lightning does not clip the gradients of a fused optimizer.
            fused=True if self.device.type == "cuda" and not self._in_autocast else None,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._cosine)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "learning_rate"},
        }

    @property
    def _in_autocast(self) -> bool:
        return self._trainer is not None and str(self._trainer.precision).endswith("-mixed")

    @property
    def schedule_progress(self) -> float:
        """How much of the learning rate's schedule is over, from 0 to 1."""
        return float(min(self.global_step / self.hparams["schedule_steps"], 1.0))

    def _cosine(self, step: int) -> float:
        """The learning rate after ``step`` optimizer steps, relative to the first one."""
        lowest = self.hparams["min_learning_rate"] / self.hparams["learning_rate"]
        progress = min(step / self.hparams["schedule_steps"], 1.0)
        return float(lowest + (1 - lowest) * (1 + math.cos(math.pi * progress)) / 2)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds which run it is of, and what its bits depend on.

        Raises:
            NonFiniteNetworkError: a weight is infinite or not a number; what was saved before stays.
        """
        check_finite(checkpoint["state_dict"], "not saved")
        checkpoint["fingerprint"] = self._fingerprint()
        if self._identity is not None:
            checkpoint[RUN] = self._identity
        paths_to_names(checkpoint, self.trainer)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Warns where training goes on under conditions in which it cannot stay the same to the last bit.

        Raises:
            CheckpointError: the checkpoint is for other rules or not one to go on from, or its callbacks' states
                make no sense.
            NonFiniteNetworkError: one of its weights is infinite or not a number.
        """
        check_rules(checkpoint, self.rules, "the checkpoint")
        check_finite(checkpoint["state_dict"], "the checkpoint")
        if self._trainer is None:
            return
        names_to_paths(checkpoint, self._trainer)
        if self._trainer.state.fn != "fit":
            return
        check_resumable(self._trainer, checkpoint)
        self._identity = checkpoint.get(RUN)
        changes = differences(checkpoint.get("fingerprint", {}), self._fingerprint())
        if changes:
            rank_zero_warn(
                f"the training goes on, but not bit for bit as if never interrupted: {'; '.join(changes)}"
            )

    def _fingerprint(self) -> Fingerprint:
        return fingerprint(self.device, self.trainer.world_size)

    def on_fit_start(self) -> None:
        """Makes sure that the run does no harm to another one, before its first game."""
        goes_on = self.trainer.ckpt_path is not None or self.trainer.global_step > 0
        self._identity = enter(self, self._identity if goes_on else None)

    def on_train_start(self) -> None:
        """Lets the options of this run win over the ones that a checkpoint brought with its optimizer's state."""
        schedule, optimizer = self.lr_schedulers(), self.optimizers(use_pl_optimizer=False)
        if isinstance(schedule, torch.optim.lr_scheduler.LambdaLR) and isinstance(optimizer, Optimizer):
            schedule.base_lrs = [self.hparams["learning_rate"]] * len(schedule.base_lrs)
            for group in optimizer.param_groups:
                group["lr"] = self.hparams["learning_rate"] * self._cosine(schedule.last_epoch)
            optimizer.param_groups[0]["weight_decay"] = self.hparams["weight_decay"]
        self._captured = None  # of an earlier fit, whose weights lay elsewhere
        self._check_horizon()
        for logger in self.trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.begin(self.global_step)

    def _check_horizon(self) -> None:
        """Warns where the training ends within an epoch, or before or after the learning rate's fall."""
        trainer, horizon = self.trainer, self.hparams["schedule_steps"]
        epoch = -(-trainer.num_training_batches // trainer.accumulate_grad_batches)
        ends = [n for n in ((trainer.max_epochs or 0) * epoch, trainer.max_steps) if n > 0]
        if not ends:
            return
        if (steps := min(ends)) % epoch:
            rank_zero_warn(
                f"this training ends after {steps:.0f} steps, within an epoch of {epoch:.0f}: "
                "a resume leaves out the rest of that epoch"
            )
        if steps != horizon:
            rank_zero_warn(
                f"the learning rate falls for schedule_steps = {horizon} steps, but this training has "
                f"{steps:.0f} of them: the model's schedule_steps should be {steps:.0f}"
            )

    def on_train_epoch_start(self) -> None:
        """Logs what self-play was like."""
        # Lightning keeps old values, which would be logged again, and by which weights be saved as the best.
        self.trainer.callback_metrics.clear()
        self._sums = {}
        datamodule = getattr(self.trainer, "datamodule", None)
        if isinstance(datamodule, SelfPlayDataModule):
            self._log(datamodule.metrics())

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_index: int) -> None:
        """Logs the means over the epoch's steps after its last one: Lightning's own take 3 ms a step to keep.

        Raises:
            NonFiniteNetworkError: the epoch's steps have made a weight infinite, or not a number.
        """
        if self.trainer.is_last_batch or 0 <= self.trainer.max_steps <= self.global_step:
            # Before they are validated, evaluated and saved.
            when = f"stopped after step {self.global_step} (epoch {self.current_epoch})"
            check_finite(self.state_dict(), f"{when}; a lower learning_rate or weight_decay usually helps")
            means = {name: total / count for name, (total, count) in self._sums.items()}
            self._log({**means, "train/learning_rate": self._rate})

    def on_train_end(self) -> None:
        """Gives back the device's memory."""
        self._captured = None

    def on_train_epoch_end(self) -> None:
        """Hands the epoch's metrics to the loggers, once.

        Lightning would do so after the checkpoints are written, and an epoch whose end a kill hits between the two
        would be missing from the logs of the resumed run. Here all of it, evaluation included, comes before.
        """
        metrics = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
        for logger in self.trainer.loggers:
            logger.log_metrics({"epoch": self.current_epoch, **metrics}, step=self.global_step)
            logger.save()
        # An epoch without an evaluation, or with a failed one, lacks what a ModelCheckpoint monitors. Lightning
        # takes that for a mistake and ends the training once a validation has run; otherwise it warns.
        self.trainer.fit_loop.epoch_loop.val_loop._has_run = False

    def _add(self, metrics: Mapping[str, Tensor]) -> None:
        """Adds what a training step measured to the sums of the epoch."""
        for name, value in metrics.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value.detach(), count + 1

    def _log(
        self, metrics: Mapping[str, float | Tensor], batch_size: int = 1, in_training: bool = True
    ) -> None:
        """Logs means over the epoch and all ranks; in training, ``on_train_epoch_end`` hands them to the loggers."""
        self.log_dict(
            metrics,
            on_step=False,
            on_epoch=True,
            logger=not in_training,
            sync_dist=True,
            batch_size=batch_size,
        )

    def training_step(self, batch: Batch, batch_index: int) -> dict[str, Tensor]:
        """The losses of a batch; Lightning descends along "loss".

        Raises:
            NonFiniteLossError: the loss is infinite or not a number; weights are as before the step.
        """
        found = self._losses(batch)
        self._add({f"train/{name}": value for name, value in found._asdict().items()})
        if not torch.isfinite(found.loss):
            raise NonFiniteLossError(
                f"the loss is {found.loss.item()} at step {self.global_step} (epoch {self.current_epoch}, "
                f"batch {batch_index}); stopped. A lower learning_rate usually helps"
            )
        optimizer = self.optimizers(use_pl_optimizer=False)
        if isinstance(optimizer, Optimizer):
            self._rate = float(optimizer.param_groups[0]["lr"])
        return found._asdict()

    def on_validation_epoch_start(self) -> None:
        """Begins to measure against the truth, with the weights as they are now."""
        simulations = self.hparams["validation_simulations"]
        self._truth = Truth(simulations).to(self.device)
        self._searcher = Searcher(self.network, self.rules, simulations, self.device) if simulations else None

    def validation_step(self, batch: LabelledBatch, batch_index: int) -> None:
        """Compares choices and values with the truth.

        Raises:
            NonFiniteNetworkError: a value or a policy is infinite or not a number.
        """
        n = len(batch.observations)
        rows = torch.arange(padded_size(n), device=self.device).clamp(max=n - 1)
        values, log_policy = self(batch.observations[rows])  # judged the same in batches of any such size
        values, log_policy = values[:n], log_policy[:n]
        policies = log_policy[: len(batch.legal)][batch.legal]
        _refuse_unless(torch.isfinite(values).all() and torch.isfinite(policies).all())
        searched = None
        if self._searcher:
            actions = self._searcher.choose(batch.positions.cpu().numpy())
            searched = torch.from_numpy(actions).to(self.device)
        self._truth.update(batch, values, log_policy, searched)

    def on_validation_epoch_end(self) -> None:
        """Logs what was found; all ranks know the whole."""
        self.truth = self._truth.result()
        del self._truth, self._searcher
        # During fit on_train_epoch_end hands everything to the loggers; Trainer.validate returns what they get.
        self.log_dict(self.truth.metrics(), logger=self.trainer.state.fn != "fit")

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Logs losses on games that were not trained on.

        Raises:
            NonFiniteNetworkError: the loss is infinite or not a number.
        """
        values, log_policy = self(batch.observations)
        found = losses(values, log_policy, batch, self.hparams["value_loss_weight"])
        _refuse_unless(torch.isfinite(found.loss))
        metrics = {f"test/{name}": value.detach() for name, value in found._asdict().items()}
        self._log(metrics, len(batch.outcomes), in_training=False)

    def _losses(self, batch: Batch) -> Losses:
        """The losses of a batch in training.

        On a single GPU they are captured, from the first batch of a fit on: of the network as it is, without what a
        subclass may do in ``forward``.
        """
        trainer, weight = self.trainer, self.hparams["value_loss_weight"]
        plain = trainer.precision == "32-true" and not torch.is_anomaly_enabled()
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
        if (
            not torch.isfinite(norm) and self.trainer.precision != "16-mixed"
        ):  # there the scaler skips the step
            raise NonFiniteLossError(
                f"the gradient is not finite at step {self.global_step} (epoch {self.current_epoch}); stopped. "
                "A lower learning_rate usually helps"
            )
        self._add({"train/gradient_norm": norm})

    def predict_step(self, boards: list[Board], batch_index: int) -> list[dict[str, Any]]:
        """Judges boards with the bare network, without search.

        Returns:
            For each board its text, the network's value for the player to move, and the legal actions by
            name with their probabilities, likeliest first.
        """
        evaluate = NetworkEvaluator(self.network, rules_code(self.rules), self.device, "float32")
        values, log_policy = evaluate(as_positions(boards))
        return [
            {"position": board.text, "value": float(value), "policy": _named_policy(board, row)}
            for board, value, row in zip(boards, values, log_policy, strict=True)
        ]


def _refuse_unless(finite: Tensor | bool) -> None:
    if not finite:
        raise NonFiniteNetworkError("the network gives values or policies that are not finite numbers")


def _named_policy(board: Board, log_policy: np.ndarray) -> dict[str, float]:
    """The policy over the legal actions of a board, likeliest first."""
    actions = board.legal_actions
    weights = np.exp(log_policy[actions] - log_policy[actions].max(initial=-np.inf))
    names = [action_name(int(action), board.pending) for action in actions]
    policy = dict(zip(names, (weights / weights.sum()).tolist(), strict=True))
    return dict(sorted(policy.items(), key=lambda item: -item[1]))
