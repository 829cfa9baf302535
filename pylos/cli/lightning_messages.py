"""Which messages of Lightning reach the terminal: reports and warnings that help, no advertisements."""

from __future__ import annotations

import logging
import re
import warnings

HARMLESS_WARNINGS = (
    "The '.*dataloader' does not have many workers",  # the data is in memory: there is nothing to load
    "You defined a `validation_step` but have no `val_dataloader`",
    "The number of training batches .* is smaller than the logging interval",
    "Checkpoint directory .* exists and is not empty",  # on every resume
    "Be aware that when using `ckpt_path`, callbacks used to create the checkpoint need to be provided",
    "Your `IterableDataset` has `__len__` defined",
    "`ModelCheckpoint\\(monitor=.eval/.* could not find the monitored key",  # an epoch without an evaluation
    "You called `self.log\\(.*` but have no logger configured",  # the results are printed
    "It is recommended to use `self.log\\('(eval|truth|selfplay/blunder_rate)",  # all ranks log the same number
    "`PylosModule.configure_optimizers` will be overridden",  # the user named an --optimizer
    "When using `Trainer\\(accumulate_grad_batches",  # our own `optimizer_step` has nothing to do on other batches
    "`.fit\\(ckpt_path=None\\)` was called without a model",  # we print from where it starts
    ".fit\\(ckpt_path=.last.\\) is set, but there is no last checkpoint",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
)
"""Warnings of Lightning about what is intended here, as patterns of their beginnings."""

_CHATTER = re.compile(
    "💡 Tip|Your model can run with static graph|You are using a CUDA device .* Tensor Cores"  # advice
    "|(GPU|TPU|HPU) available: |LOCAL_RANK: |Initializing distributed: |-+\ndistributed_backend="  # the machine
    "|Adding \\d+ callbacks from entry point"
    # We print our own lines about the start, the end and an interrupt.
    "|(\\[rank: \\d+\\] )?(Seed set to |Received SIGTERM: |Bypassing SIGTERM: )|\nDetected KeyboardInterrupt"
    "|Restoring states from |Restored all states from |Loaded model weights from |`weights_only` was not set"
    "|`Trainer.fit` stopped: `max_(epochs|steps)="
)
"""The beginnings of messages in Lightning's log that nobody asked for and that help nobody here."""


def quieten_lightning() -> None:
    """Filters Lightning's log and warnings; each warning becomes one line."""
    # Lightning has no handler of its own where the program configured the root logger.
    for name in ("lightning.pytorch", "lightning.fabric", ""):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(is_report)
    for message in HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", message)
    warnings.formatwarning = lambda message, *_, **__: f"pylos: warning: {' '.join(str(message).split())}\n"


def is_report(record: logging.LogRecord) -> bool:
    """Whether a message of Lightning's log is worth showing: a warning, or a report that the user asked for."""
    return record.levelno > logging.INFO or _CHATTER.match(record.getMessage()) is None
